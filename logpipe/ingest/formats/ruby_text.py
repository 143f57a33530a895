"""Ruby's Logger, also as Rails and Sidekiq set it up, and semantic_logger: https://docs.ruby-lang.org/en/master/Logger.html"""

from logpipe.ingest.formats.text_format import TextFormat

MESSAGE = r"(?s:(?P<text>.*))$"
TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z| ?[+-]\d\d:?\d\d)?"
LEVEL = r"(?:DEBUG|INFO|WARN|ERROR|FATAL|TRACE|UNKNOWN|ANY)"
TAGS = r"(?:[\[{](?P<tags>[^\]}\n]*)[\]}] )?"

RUBY_TEXT = TextFormat(
    name="ruby_text",
    title="Ruby's Logger, Rails, Sidekiq, semantic_logger",
    start=rf"^(?:[DIWEFAU], \[|\[?{TIME}\]? (?:{LEVEL}|[DIWEFTU] \[|pid=))",
    layouts=(
        (
            rf"^[DIWEFAU], \[(?P<time>{TIME}) #(?P<process>\d+)\] +(?P<level>{LEVEL}) -- (?P<logger>[^:\n]*): "
            rf"(?:\[(?P<request_id>[0-9a-f-]{{36}})\] )?{MESSAGE}"
        ),
        (
            rf"^(?P<time>{TIME}) pid=(?P<process>\d+) tid=(?P<thread>\w+)(?P<context>[^\n]*?) "
            rf"(?P<level>{LEVEL}): {MESSAGE}"
        ),
        (
            rf"^(?P<time>{TIME}) (?P<level>[DIWEFTU]) \[(?P<process>\d+):(?P<thread>[^\]\n]*)\] {TAGS}(?:\("
            rf"(?P<took>[^)\n]*)\) )?"
            rf"(?P<logger>[\w:]+) -- {MESSAGE}"
        ),
        rf"^\[(?P<time>{TIME})\] (?P<level>{LEVEL}) +{TAGS}(?P<logger>[\w:]+) -- {MESSAGE}",
    ),
    derived={
        "traced": r"contains(text, chr(10)) AND regexp_matches(text, '\.rb:\d+:in ')",
        "raised": r"CASE WHEN traced THEN regexp_extract(text, '(?m)^([A-Z][\w:]*): (.*)$', ['type', 'message']) END",
        "told": r"CASE WHEN traced THEN regexp_extract(text, '^(.*) \(([A-Z][\w:]*)\)\n', ['message', 'type']) END",
    },
    columns={
        "message": "text",
        "logger": "nullif(trim(logger), '')",
        "process": 'TRY_CAST("process" AS INTEGER)',
        "thread": '"thread"',
        "request_id": "request_id",
        "exception_type": "coalesce(nullif(told['type'], ''), nullif(raised['type'], ''))",
        "exception_message": "coalesce(nullif(told['message'], ''), nullif(raised['message'], ''))",
        "exception_stacktrace": "CASE WHEN traced THEN text END",
    },
    attributes={"tags": "tags", "context": "trim(context)", "took": "took"},
)
