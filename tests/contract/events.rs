//! `text/event-stream`: a run while it happens (HTML standard §9.2).

use serde_json::{Value, json};

use crate::support::request::EVENTS;
use crate::support::{Answer, Site, get, on_both_wires, post};
use crate::{FORM, RUN, hello};

/// One event.
#[derive(Debug, PartialEq)]
struct Event {
    id: u64,
    name: String,
    data: Value,
}

/// Reads a stream strictly: `id`, `event`, `data`, in blocks; comments between them are counted.
fn read(answer: &Answer) -> (Vec<Event>, usize) {
    assert_eq!((answer.status, answer.media()), (200, EVENTS));
    let text = answer.text();
    assert!(text.ends_with("\n\n"), "{text}");
    let mut events = Vec::new();
    let mut comments = 0;
    for block in text.split_terminator("\n\n") {
        if block.starts_with(':') {
            comments += 1;
            continue;
        }
        let lines: Vec<(&str, &str)> = block.lines().map(|line| line.split_once(": ").expect("a field")).collect();
        let [("id", id), ("event", name), ("data", data)] = lines[..] else { panic!("{block}") };
        let data = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"));
        events.push(Event { id: id.parse().expect("a number"), name: name.to_owned(), data });
    }
    (events, comments)
}

/// stdout of all events together.
fn stdout(events: &[Event]) -> String {
    let texts = events.iter().filter(|event| event.name == "stdout").map(|event| event.data["text"].as_str().unwrap());
    texts.collect()
}

#[test]
fn events_are_command_stdout_stderr_exit_with_ids() {
    on_both_wires(|wire| {
        let site = hello(wire).image("exit-3.sif", &[]);
        let answer = site.ask(&get(&format!("{RUN}?name=A+b&evil=1")).accept(EVENTS));
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        let (events, _) = read(&answer);
        assert_eq!(events.iter().map(|one| one.id).collect::<Vec<_>>(), Vec::from_iter(1..=events.len() as u64));
        assert_eq!(
            (events[0].name.as_str(), &events[0].data["command"]),
            ("command", &json!("apptainer run argv.sif --name Ab"))
        );
        assert_eq!(events[0].data["ignored"], json!(["evil"]));
        assert_eq!(events[0].data["changed"][0]["after"], "Ab");
        assert_eq!(stdout(&events), "[\"--name\",\"Ab\"]\n");
        let last = events.last().expect("an end");
        assert_eq!((last.name.as_str(), &last.data["exit_code"]), ("exit", &json!(0)));
        assert!(last.data["elapsed_ms"].is_u64() && last.data["truncated"] == json!(false), "{last:?}");
        let (events, _) = read(&site.ask(&get("/container/run/exit-3.sif").accept(EVENTS)));
        let told = events.iter().find(|event| event.name == "stderr").expect("stderr");
        assert_eq!(told.data, json!({ "text": "exit-3.sif says why\n" }));
        assert_eq!(events.last().map(|last| &last.data["exit_code"]), Some(&json!(3)));
    });
}

#[test]
fn each_piece_arrives_when_the_container_prints_it() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("slow-200.sif", &[]).set("deadline", 100);
        let mut talk = site.open(&get("/container/run/slow-200.sif").accept(EVENTS));
        talk.wait_for("event: command");
        for line in ["line 1\\n", "line 2\\n", "line 3\\n"] {
            talk.wait_for(line);
        }
        assert!(!talk.seen().contains("line 40") && !talk.seen().contains("event: exit"), "{}", talk.seen());
        let child = talk.leave();
        site.nothing_runs();
        child.map(|mut child| child.wait());
    });
}

#[test]
fn a_comment_is_the_heartbeat_of_a_silent_run() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("sleep-3200.sif", &[]);
        let (events, comments) = read(&site.ask(&get("/container/run/sleep-3200.sif").accept(EVENTS)));
        assert!(comments >= 2, "one a second at least, on a busy machine: {comments}");
        assert_eq!(stdout(&events), "slept\n");
    });
}

#[test]
fn a_stream_that_is_opened_again_gets_204_and_runs_nothing() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for id in ["1", "7", "x"] {
            let answer = site.ask(&get(RUN).accept(EVENTS).header("Last-Event-ID", id));
            assert_eq!((answer.status, answer.body.len()), (204, 0));
        }
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn bytes_that_are_not_utf_8_are_base64() {
    on_both_wires(|wire| {
        let site = Site::new(wire).prints("print.sif", b"\xff\0").prints("print.text.sif", "zwölf ☃\n".as_bytes());
        let (events, _) = read(&site.ask(&get("/container/run/print.sif").accept(EVENTS)));
        assert_eq!(events[1].data, json!({ "base64": "/wA=" }));
        let (events, _) = read(&site.ask(&get("/container/run/print.text.sif").accept(EVENTS)));
        assert_eq!(stdout(&events), "zwölf ☃\n");
    });
}

#[test]
fn a_deadline_ends_the_stream_and_says_so() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("hang.sif", &[]).set("deadline", 1);
        let (events, _) = read(&site.ask(&get("/container/run/hang.sif").accept(EVENTS)));
        let last = events.last().expect("an end");
        assert_eq!(
            (last.name.as_str(), &last.data["exit_code"], &last.data["end"]),
            ("exit", &Value::Null, &json!("deadline"))
        );
    });
}

#[test]
fn a_stream_is_cut_at_the_output_limit() {
    on_both_wires(|wire| {
        let site = Site::new(wire).prints("print.sif", &[b'x'; 5000]).set("output_limit", 2000);
        let (events, _) = read(&site.ask(&get("/container/run/print.sif").accept(EVENTS)));
        assert_eq!(stdout(&events).len(), 2000);
        assert_eq!(events.last().map(|last| &last.data["truncated"]), Some(&json!(true)));
    });
}

#[test]
fn a_stream_by_post_and_a_refusal_instead_of_one() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let (events, _) = read(&site.ask(&post(RUN, FORM, "age=3").accept(EVENTS)));
        assert_eq!(stdout(&events), "[\"--age\",\"3\"]\n");
        site.ask(&get(&format!("{RUN}?age=x")).accept(EVENTS)).problem(400);
        assert_eq!(site.runs().len(), 1);
    });
}
