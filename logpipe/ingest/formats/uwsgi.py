"""uWSGI's request log and its own messages: https://uwsgi-docs.readthedocs.io/en/latest/LogFormat.html"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import ctime_sql

CTIME = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"

OWN_WORDS = (
    r"(?:\*\*\* |\[uWSGI\]|spawned uWSGI |uwsgi |uWSGI |WSGI app |mapped \d+ bytes"
    r"|your (?:processes|server|memory|mercy)|thread support"
    r"|detected |Python (?:version|main)|compiled with|nodename|machine:|clock source|pcre"
    r"|current working|limited? |lock engine|os: |chdir|setgid|setuid|probably |\.\.\.The work|gracefully|worker \d+"
    r"|Respawned|DAMN)"
)

UWSGI = TextFormat(
    name="uwsgi",
    title="uWSGI, requests and its own messages",
    layouts=(
        (
            r"^\[pid: (?P<process>\d+)\|app: (?P<app>-?\d+)\|req: (?P<requests>-?\d+/\d+)\] (?P<client>\S*) "
            rf"\((?P<user>[^)]*)\) \{{(?P<vars>[^}}]*)\}} \[(?P<time>{CTIME})\] (?P<method>[A-Z]+) (?P<path>[^\s?]+)"
            r"(?:\?(?P<query>\S*))? => generated (?P<size>\d+) bytes in (?P<took>\d+) (?P<unit>msecs|micros|nsecs)"
            r"(?P<via> via [\w()]+)? \((?P<protocol>\S+) (?P<status>\d{3})\)(?P<rest> .*)?$"
        ),
        rf"^(?P<time>{CTIME}) - (?P<text>.*)$",
        rf"^(?P<text>\*\*\* Starting uWSGI \S+ .*? on \[)(?P<time>{CTIME})\] \*\*\*$",
        rf"^(?P<text>{OWN_WORDS}.*)$",
    ),
    derived={"unit_ms": "CASE unit WHEN 'msecs' THEN 1 WHEN 'micros' THEN 1e-3 WHEN 'nsecs' THEN 1e-6 END"},
    read_time=ctime_sql,
    evidence=r"^\[pid: \d+\|app: |uWSGI|WSGI app|uwsgi",
    columns={
        "stream": "CASE WHEN status IS NOT NULL THEN 'access' END",
        "message": "coalesce(\"method\" || ' ' || path || coalesce('?' || query, ''), rtrim(text, '['), raw)",
        "process": 'TRY_CAST("process" AS INTEGER)',
        "http_method": '"method"',
        "http_path": "path",
        "http_status": "TRY_CAST(status AS USMALLINT)",
        "duration_ms": "TRY_CAST(took AS DOUBLE) * unit_ms",
        "user_id": '"user"',
    },
    attributes={
        "client_address": "client",
        "query": "query",
        "protocol": "protocol",
        "response_size": "TRY_CAST(size AS UBIGINT)",
        "app": "app",
        "requests": "requests",
        "vars": "vars",
        "rest": "trim(rest)",
    },
)
