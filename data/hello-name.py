"""hello-name: greets a visitor, in JSON.

In: --name WORD, --age INT, --weight FLOAT, --is_dino, each optional.
Out: one JSON object on stdout with what was given; how to call it when nothing was. Exit status 0, always:
a command line that cannot be parsed is explained on stderr.
"""

import argparse
import json

HOW_TO = {
    "message": "Ruhroh! You didn't give any input arguments!",
    "shell": {
        "is_dino": "--is_dino",
        "age": "--age 10",
        "name": "--name Vanessa",
        "weight": "--weight 10000",
    },
    "web": {
        "base": "/container/run/hello-name.sif?[ARG1]&[ARG2]",
        "is_dino": "is_dino=yes",
        "age": "age=10",
        "name": "name=Vanessa",
        "weight": "weight=10000",
    },
}


def parse():
    parser = argparse.ArgumentParser(prog="hello-name", description="Hello, you!")
    parser.add_argument("--name", help="who is to be greeted")
    parser.add_argument("--age", type=int, help="age in years")
    parser.add_argument("--weight", type=float, help="weight in any unit")
    parser.add_argument("--is_dino", action="store_true", help="for dinosaurs")
    try:
        return parser.parse_args()
    except SystemExit:
        raise SystemExit(0) from None


def answer(given):
    facts = {"name": given.name and f"hello {given.name}!", "age": given.age, "weight": given.weight}
    facts = {key: value for key, value in facts.items() if value is not None}
    if not facts:
        return HOW_TO
    facts["species"] = "You are a dinosaur! :D" if given.is_dino else "You are not a dinosaur."
    return facts


print(json.dumps(answer(parse())))
