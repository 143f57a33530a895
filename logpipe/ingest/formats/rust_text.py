"""Text logs of Rust: tracing, env_logger, log4rs, fern, simple_logger.

https://docs.rs/tracing-subscriber/latest/tracing_subscriber/fmt/format/ · https://docs.rs/env_logger/
"""

from logpipe.ingest.formats.text_format import TextFormat

TIME = r"(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z| ?[+-]\d\d:?\d\d)?)"
LEVEL = r"(?P<level>TRACE|DEBUG|INFO|WARN|ERROR)"
TARGET = r"(?P<logger>[a-z_][\w-]*(?:::[\w{}#<>-]+)*)"
MESSAGE = r"(?s:(?P<text>.*))$"

RUST_TEXT = TextFormat(
    name="rust_text",
    title="Rust's tracing, env_logger, log4rs, fern, simple_logger",
    start=rf"^\[?{TIME}[\] ]".replace("?P<time>", "?:"),
    layouts=(
        # tracing: 2026-03-14T10:00:00.123Z  INFO ThreadId(01) buy{id=1}: shop::cart: src/cart.rs:12: text
        (
            rf"^{TIME} +{LEVEL} +(?:(?P<thread>ThreadId\(\d+\)|main|tokio-\S+) +)?"
            rf"(?:(?P<spans>[\w.-]+(?:\{{[^\n]*?\}})?(?::[\w.-]+(?:\{{[^\n]*?\}})?)*): )?{TARGET}: "
            rf"(?:(?P<file>[\w/.-]+\.rs):(?:(?P<line>\d+):)? )?{MESSAGE}"
        ),
        # env_logger: [2026-03-14T10:00:00Z INFO  shop::cart] text
        rf"^\[{TIME} {LEVEL} +{TARGET}\] {MESSAGE}",
        # log4rs: 2026-03-14T10:00:00+00:00 [cart.rs:12] INFO shop::cart:text; by default … INFO shop::cart - text
        rf"^{TIME} \[(?P<file>[\w/.-]+\.rs):(?P<line>\d+)\] {LEVEL} +{TARGET}: ?{MESSAGE}",
        rf"^{TIME} {LEVEL} +{TARGET} - {MESSAGE}",
        # fern: [2026-03-14][10:00:00][shop::cart][INFO] text
        rf"^\[{TIME}\]\[(?P<logger>[\w:-]+)\]\[{LEVEL}\] {MESSAGE}",
        rf"^\[{TIME} {LEVEL} (?P<logger>[\w:-]+)\] {MESSAGE}",
        # simple_logger: 2026-03-14T10:00:00Z WARN [shop::cart] text
        rf"^{TIME} +{LEVEL} +\[{TARGET}\] {MESSAGE}",
    ),
    evidence=r"\w::\w|\.rs:\d|\.\d{6,9}Z +[A-Z]{4,5} |^\[\S+Z [A-Z]{4,5} ",
    columns={
        "message": "text",
        "logger": '"logger"',
        "thread": '"thread"',
        "line": 'TRY_CAST("line" AS INTEGER)',
    },
    attributes={"file": "file", "spans": "spans"},
)
