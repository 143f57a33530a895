"""Flow logs of Amazon VPC, of version 2 and, where its fields stand in the default order of later ones, others.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import epoch_time_sql

PORTS = r"(?P<source_port>\d+|-) (?P<destination_port>\d+|-)"
COUNTS = r"(?P<protocol>\d+|-) (?P<packets>\d+|-) (?P<size>\d+|-) (?P<time>\d{10}) (?P<end>\d{10})"


AWS_VPC_FLOW = TextFormat(
    name="aws_vpc_flow",
    title="flow logs of Amazon VPC",
    layouts=(
        (
            rf"^(?P<version>\d) (?P<account>\S+) (?P<interface>eni-[0-9a-f]+) (?P<source>\S+) "
            rf"(?P<destination>\S+) {PORTS} {COUNTS} "
            r"(?P<action>ACCEPT|REJECT|-) (?P<status>OK|NODATA|SKIPDATA)(?P<rest> .*)?$"
        ),
        (
            r"^(?P<version>\d) (?P<vpc>vpc-\S+) (?P<subnet>\S+) (?P<instance_id>\S+) (?P<interface>eni-[0-9a-f]+) "
            r"(?P<account>\S+) "
            rf"(?P<type>IPv[46]) (?P<source>\S+) (?P<destination>\S+) {PORTS} (?P<packet_source>\S+) "
            rf"(?P<packet_destination>\S+) {COUNTS} "
            r"(?P<action>ACCEPT|REJECT|-)(?P<rest> .*)?$"
        ),
        r"^(?P<version>version|\$\{version\}) (?P<rest>\S+(?: \S+)*)$",
    ),
    read_time=epoch_time_sql,
    columns={
        "message": "CASE WHEN \"action\" IS NULL THEN raw ELSE \"action\" || ' ' || source || ':' || "
        "coalesce(source_port, '-') || ' > '"
        " || destination || ':' || coalesce(destination_port, '-') END",
    },
    attributes={
        "account": "nullif(account, '-')",
        "interface": "interface",
        "vpc": "vpc",
        "subnet": "subnet",
        "instance": "nullif(instance_id, '-')",
        "source_address": "nullif(source, '-')",
        "destination_address": "nullif(destination, '-')",
        "source_port": "TRY_CAST(source_port AS INTEGER)",
        "destination_port": "TRY_CAST(destination_port AS INTEGER)",
        "packet_source": "packet_source",
        "packet_destination": "packet_destination",
        "protocol": "TRY_CAST(protocol AS INTEGER)",
        "packets": "TRY_CAST(packets AS UBIGINT)",
        "bytes": "TRY_CAST(size AS UBIGINT)",
        "end": 'TRY_CAST("end" AS UBIGINT)',
        "action": "nullif(\"action\", '-')",
        "status": "status",
        "version": "TRY_CAST(version AS INTEGER)",
        "rest": "trim(rest)",
    },
)
