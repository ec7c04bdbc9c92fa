"""What schemathesis must know beyond the document.

In: generated cases. Out: the same without two kinds that JSON Schema cannot tell from others, so that no check has to
be switched off for them. Only positive cases are concerned.

- A STR needs a letter or digit of any script, `.` or `_`, else nothing is left when it is stripped. A portable
  pattern (Core §6.4) can say that for ASCII only; beyond, it also takes words like `€`. These are not sent.
- A request line holds 8 KiB: 1,024 characters of which each takes twelve bytes, percent-encoded, are a case for POST.
"""

from urllib.parse import urlencode

import schemathesis

LONGEST_QUERY = 7500


def body_schema(case):
    content = case.operation.definition.raw.get("requestBody", {}).get("content", {})
    return content.get(case.media_type, {}).get("schema", {}).get("properties", {})


def query_schema(case):
    return {one["name"]: one["schema"] for one in case.operation.definition.raw.get("parameters", []) if "schema" in one}


def places(case):
    """The containers of arguments, with their schemas."""
    yield case.query, query_schema(case)
    yield case.body, body_schema(case)


def leaves_a_word(text):
    return any(character.isalnum() or character in "._" for character in text)


@schemathesis.hook
def filter_case(context, case):
    if case.meta is None or case.meta.generation.mode.is_negative:
        return True
    if len(urlencode(case.query or {}, doseq=True)) > LONGEST_QUERY:
        return False
    for values, schemas in places(case):
        if isinstance(values, dict):
            for name, schema in schemas.items():
                value = values.get(name)
                if "pattern" in schema and isinstance(value, str) and not leaves_a_word(value):
                    return False
    return True
