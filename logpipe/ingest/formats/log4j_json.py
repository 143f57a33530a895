"""Java's loggers as JSON: log4j2's JsonLayout, logback's and Logstash's encoders.

https://logging.apache.org/log4j/2.x/manual/layouts.html · https://github.com/logfellow/logstash-logback-encoder
"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate

_INSTANT = (
    "TRY(make_timestamptz(TRY_CAST(json_extract_string({}, '$.epochSecond') AS BIGINT) * 1000000"
    " + coalesce(TRY_CAST(json_extract_string({}, '$.nanoOfSecond') AS BIGINT), 0) // 1000))"
)

_NUMBERS = "('0', '5000', '10000', '20000', '30000', '40000')"
"""Of logback's own levels, which say no more than their names."""


def _is_record(line: Mapping[str, object]) -> bool:
    named = {"loggerName", "logger_name", "Logger"} & line.keys()
    return bool(named and {"thread", "threadName", "thread_name", "Thread"} & line.keys()) and "level" in {
        key.lower() for key in line
    }


LOG4J_JSON = JsonFormat(
    name="log4j_json",
    title="log4j2, logback and Logstash encoders",
    columns=spelled(
        ts=(Candidate("instant", _INSTANT, kind="OBJECT"), *candidates("timeMillis")),
        logger=candidates("loggerName", "logger_name", "Logger"),
        thread=candidates("thread", "threadName", "thread_name", "Thread"),
        module=candidates("source.className", "Caller.ClassName", "caller_class_name", "source.class"),
        function=candidates("source.methodName", "Caller.MethodName", "caller_method_name", "source.method"),
        line=candidates("source.lineNumber", "Caller.LineNumber", "caller_line_number", "source.line"),
        trace_id=candidates("contextMap.traceId", "mdc.traceId", "MDC.traceId"),
        span_id=candidates("contextMap.spanId", "mdc.spanId", "MDC.spanId"),
        request_id=candidates("contextMap.requestId", "mdc.requestId", "MDC.requestId"),
        user_id=candidates("contextMap.userId", "mdc.userId", "MDC.userId"),
        exception_type=candidates("thrown.name", "throwable.className", "Exception.ClassName"),
        exception_message=candidates("thrown.message", "throwable.message", "Exception.Message"),
        exception_stacktrace=candidates("thrown.extendedStackTrace", "stack_trace", "Exception.StackTrace"),
    ),
    marks=_is_record,
    redundant={"level_value": f"level IS NOT NULL AND json_extract_string(json, '$.level_value') IN {_NUMBERS}"},
)
