"""Windows' servicing logs, CBS.log and DISM.log.

https://learn.microsoft.com/en-us/troubleshoot/windows-client/installing-updates-features-roles/analyze-sfc-program-log-file-entries
"""

from logpipe.ingest.formats.text_format import TextFormat

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"

WINDOWS_CBS = TextFormat(
    name="windows_cbs",
    title="Windows' servicing logs, CBS.log and DISM.log",
    start=rf"^{TIME}, [A-Z]",
    layouts=(
        rf"^(?P<time>{TIME}), (?P<level>Info|Warning|Error|Perf|Fatal) +(?P<logger>[A-Z]\w*) +(?s:(?P<text>.*))$",
    ),
    columns={"message": "text", "logger": '"logger"'},
)
