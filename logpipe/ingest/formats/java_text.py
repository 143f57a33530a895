"""Text logs of Java and its kin: log4j, logback, java.util.logging and what frameworks and servers make of these.

https://logging.apache.org/log4j/2.x/manual/pattern-layout.html · https://logback.qos.ch/manual/layouts.html
"""

from logpipe.ingest.formats.stack_of_calls import CALL_STACK, CALL_STACK_COLUMNS
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import iso_sql, one_of, strptime, strptime_with_zone, time_of_day

DATED = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,:]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"
SHORT = r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d|\d{6} \d{6}|\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?:\.\d{3})?"
TIME = rf"(?P<time>{DATED}|{SHORT}|\d\d:\d\d:\d\d[.,]\d{{3}})"
SPOKEN_TIME = r"[A-Z][a-z]{2} \d\d?, \d{4} \d\d?:\d\d:\d\d [AP]M"
LEVEL = (
    r"(?P<level>TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL|CRITICAL|SEVERE|CONFIG|FINE(?:R|ST)?|NOTICE|OFF|ALL"
    r"|info|warn|error|debug|trace)"
)
THREAD = r"\[(?P<thread>[^\[\]\n]*(?:\[[^\[\]\n]*\][^\[\]\n]*)*)\]"
LOGGER = r"(?P<logger>[A-Za-z_][\w.$/~-]*)"
CLASS = r"(?P<logger>(?:[a-z_]\w*\.)+[\w.$]+)"
PLACE = r"(?:(?: |:)\[?(?P<file>[\w$]+\.(?:java|kt|scala|groovy))?:?(?P<line>\d+)\]?)?"
MESSAGE = r"(?s:(?P<text>.*))$"

LAYOUTS = (
    # log4j2 and logback: 2026-03-14 10:00:00,123 [main] INFO com.example.Shop [Shop.java:12] - text
    rf"^{TIME} {THREAD} {LEVEL} +{LOGGER}{PLACE}(?: +\[(?P<context>[^\]\n]*)\])? +--? ?{MESSAGE}",
    # Spring Boot: 2026-03-14T10:00:00.123Z  INFO 1 --- [shop] [main] c.e.Shop : text
    (
        rf"^{TIME} +{LEVEL} +(?P<process>\d+) --- (?:\[(?P<service>[^\]\n]*)\] )?{THREAD} "
        rf"(?:\[(?P<context>[^\]\n]*)\] )?{LOGGER} *: {MESSAGE}"
    ),
    # Kafka: [2026-03-14 10:00:00,123] INFO [Controller id=1]: text (kafka.server.Controller)
    rf"^\[{TIME}\] {LEVEL} {{1,9}}(?:{THREAD}:? )?(?P<text>[^\n]*?) ?\((?P<logger>[\w.$-]+)\)(?P<more>\n(?s:.*))?$",
    rf"^\[{TIME}\] {LEVEL} {{1,9}}(?:{THREAD}:? )?(?P<text>(?s:.*\S))\s*\((?P<logger>[\w.$-]+)\)$",
    # ZooKeeper: 2026-03-14 10:00:00,123 [myid:1] - INFO  [main:QuorumPeer@774] - text
    (
        rf"^{TIME} (?:\[myid:(?P<myid>\d*)\] )?- {LEVEL} +\[(?P<thread>[^\n]*):(?P<logger>[\w.$]*)@(?P<line>\d+)\] "
        rf"- {MESSAGE}"
    ),
    # Cassandra: INFO  [main] 2026-03-14 10:00:00,123 Shop.java:12 - text
    rf"^{LEVEL} +{THREAD} {TIME} (?:(?P<file>[\w$]+\.(?:java|kt|scala|groovy)):(?P<line>\d+)|{LOGGER}) +- {MESSAGE}",
    # Elasticsearch: [2026-03-14T10:00:00,123][INFO ][o.e.Shop] [node] text
    rf"^\[{TIME}\]\[{LEVEL} *\]\[(?P<logger>[^\]\n]*)\] ?(?:\[(?P<node>[^\]\n]*)\] ?)?{MESSAGE}",
    # Solr: 2026-03-14 10:00:00.123 INFO  (main) [c:shop] o.a.s.Shop text
    rf"^{TIME} {LEVEL} +\((?P<thread>[^)\n]*)\) \[(?P<context>[^\]\n]*)\] {LOGGER} {MESSAGE}",
    # WildFly, Quarkus, Keycloak: 2026-03-14 10:00:00,123 INFO  [com.example.Shop] (main) text
    rf"^{TIME} {LEVEL} +\[(?P<logger>[^\]\n]*)\] \((?P<thread>[^)\n]*)\) {MESSAGE}",
    # Jenkins: 2026-03-14 10:00:00.123+0000 [id=32]\tINFO\tcom.example.Shop#buy: text
    rf"^{TIME} \[id=(?P<thread>\d+)\]\t{LEVEL}\t(?P<logger>[\w.$]+)(?:#(?P<function>[\w$<>]+))?: {MESSAGE}",
    # 2026-03-14T10:00:00.123Z INFO shop[23:main] [CorId=1 OpId=2] [com.example.Shop] text
    (
        rf"^{TIME} {LEVEL} (?P<service>[\w.-]+)\[\d+:(?P<thread>[^\]\n]*)\] (?:\[(?P<context>[^\]\n]*=[^\]\n]*)\] )*"
        rf"\[(?P<logger>[\w.$]+)\] {MESSAGE}"
    ),
    # 2026-03-14T10:00:00.123Z [main INFO com.example.Shop opId=1] text
    rf"^{TIME} \[(?P<thread>[^\s\]]+)(?: null)? +{LEVEL} +{LOGGER}(?: +(?P<context>[^\]\n]*))?\] {MESSAGE}",
    # 2026-03-14 10:00:00,123 INFO [main] [Shop] - text, 14-Mar-2026 10:00:00.123 INFO [main] com.example.Shop.buy text
    rf"^{TIME} {LEVEL} +{THREAD} +\[(?P<logger>[^\]\n]*)\] -? ?{MESSAGE}",
    rf"^{TIME} {LEVEL} +{THREAD} {LOGGER}{PLACE}(?: *[:-]|) {MESSAGE}",
    # Hadoop, Spark, HDFS: 26/03/14 10:00:00 INFO [main] shop.Shop: text
    rf"^{TIME} (?:(?P<process>\d+) )?{LEVEL} +(?:{THREAD} )?{LOGGER}{PLACE}(?:\(\d+\))?(?::| -) {MESSAGE}",
    # 2026-03-14T10:00:00.123Z main  INFO com.example.Shop text
    rf"^{TIME} (?P<thread>\S+) +{LEVEL} +{CLASS} {MESSAGE}",
    # 2026-03-14T10:00:00.123Z | INFO | main | Shop | text
    rf"^{TIME} +\| {LEVEL} +\| (?P<context>[^|\n]*)\| (?P<thread>[^|\n]*)\| (?P<logger>[^|\n]*)\| {MESSAGE}",
    # OpenTelemetry's agent: [otel.javaagent 2026-03-14 10:00:00:123 +0000] [main] INFO io.example.Shop - text
    rf"^\[(?P<service>[\w.]+) {TIME}\] {THREAD} {LEVEL} +{LOGGER} - {MESSAGE}",
    # Dropwizard: INFO  [2026-03-14 10:00:00,123] com.example.Shop: text
    rf"^{LEVEL} +\[{TIME}\] {LOGGER}: {MESSAGE}",
    # java.util.logging: Mar 14, 2026 10:00:00 AM com.example.Shop buy, then INFO: text
    rf"^(?P<time>{SPOKEN_TIME}) (?P<logger>[\w.$]+)(?: (?P<function>[\w$<>]+))?(?:\n{LEVEL}: {MESSAGE}|$)",
    rf"^\[?{TIME}\]? +{THREAD} +{LEVEL}:? +{MESSAGE}",
    rf"^\[?{TIME}\]? +{LEVEL} +{MESSAGE}",
)

JAVA_TEXT = TextFormat(
    name="java_text",
    title="log4j, logback, java.util.logging, Spring Boot, Kafka …, stack traces joined",
    start=rf"^(?:\[?(?:[a-z.]+ )?(?:{DATED}|{SHORT}|\d\d:\d\d:\d\d[.,]\d{{3}} \[)|[A-Z]+ "
    rf"+\[[^\]\n]*\] \d{{4}}-|[A-Z]+ +\[\d{{4}}-"
    rf"|{SPOKEN_TIME} )",
    layouts=LAYOUTS,
    evidence=r"^.{8,120}?\b(?:[a-z]\w*\.)+[A-Z][\w$]*\b|\((?:[\w$-]+\.)+[\w$-]+\)$|[\w$]@\d+\] - | --- \[|\] "
    r"+\[[A-Z]\w+ *\] - |\w\.java:\d+"
    r"|\b(?:exec|executor|worker|nio|thread|scheduler|pool|background)-\w*\d",
    derived={**CALL_STACK},
    read_time=one_of(
        iso_sql,
        strptime(
            "%d-%b-%Y %H:%M:%S.%f", "%d-%b-%Y %H:%M:%S", "%y/%m/%d %H:%M:%S", "%y%m%d %H%M%S", "%b %d, %Y %I:%M:%S %p"
        ),
        time_of_day("%H:%M:%S.%f", "%H:%M:%S,%f"),
        strptime_with_zone("%Y-%m-%d %H:%M:%S:%g %z"),
        strptime("%Y-%m-%d %H:%M:%S:%g"),
    ),
    columns={
        **CALL_STACK_COLUMNS,
        # Solr and Elasticsearch end a message by an arrow to its exception
        "message": f"nullif(ltrim(concat(CASE WHEN begin > 1 THEN regexp_replace({CALL_STACK_COLUMNS['message']},"
        " '\\s*=>$', '') ELSE text END, more), chr(10)), '')",
        "logger": "nullif(trim(logger), '')",
        "service": "nullif(service, '')",
        "thread": "nullif(trim(\"thread\"), '')",
        "function": '"function"',
        "line": 'TRY_CAST("line" AS INTEGER)',
        "process": 'TRY_CAST("process" AS INTEGER)',
    },
    attributes={"file": "file", "context": "nullif(trim(context), '')", "node": "node", "myid": "myid"},
)
