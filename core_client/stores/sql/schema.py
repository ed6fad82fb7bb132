"""MLflow's tables at revision 7f2a7d5fae7d (MLflow 2.4), from which every later MLflow upgrades.

SQLite takes a text of any length. For the other databases, columns that MLflow has lengthened since
are made as long at once; and in MySQL keys that differ in case only are different keys.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
)
from sqlalchemy.dialects.mysql import MEDIUMTEXT, VARCHAR

from core_client.entities import LifecycleStage
from core_client.settings import DEFAULT_EXPERIMENT_ID

REVISION = "7f2a7d5fae7d"

_SERVERS = ("postgresql", "mysql", "mssql")
_KEY = String(250).with_variant(VARCHAR(250, charset="utf8mb4", collation="utf8mb4_bin"), "mysql")
_ROOT = String(256).with_variant(String(1000), *_SERVERS)
_PLACE = String(200).with_variant(String(1000), *_SERVERS)
_PARAM = String(500).with_variant(String(8000), *_SERVERS)
_TAG = String(5000).with_variant(String(8000), *_SERVERS)
_EXPERIMENT_TAG = (
    String(5000).with_variant(Text(), "postgresql", "mssql").with_variant(MEDIUMTEXT(), "mysql")
)
_LONG = Text().with_variant(MEDIUMTEXT(), "mysql")
_NUMBER = Float(53)  # MySQL's FLOAT has seven digits

metadata = MetaData()


experiments = Table(
    "experiments",
    metadata,
    Column("experiment_id", Integer, nullable=False),
    Column("name", String(256), nullable=False, unique=True),
    Column("artifact_location", _ROOT),
    Column("lifecycle_stage", String(32)),
    Column("creation_time", BigInteger),
    Column("last_update_time", BigInteger),
    PrimaryKeyConstraint("experiment_id", name="experiment_pk"),
    CheckConstraint("lifecycle_stage IN ('active', 'deleted')", name="experiments_lifecycle_stage"),
)

runs = Table(
    "runs",
    metadata,
    Column("run_uuid", String(32), nullable=False),
    Column("name", String(250)),
    Column("source_type", String(20)),
    Column("source_name", String(500)),
    Column("entry_point_name", String(50)),
    Column("user_id", String(256)),
    Column("status", String(9)),
    Column("start_time", BigInteger),
    Column("end_time", BigInteger),
    Column("source_version", String(50)),
    Column("lifecycle_stage", String(20)),
    Column("artifact_uri", _PLACE),
    Column("experiment_id", Integer, ForeignKey("experiments.experiment_id")),
    Column("deleted_time", BigInteger),
    PrimaryKeyConstraint("run_uuid", name="run_pk"),
    CheckConstraint(
        "source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')", name="source_type"
    ),
    CheckConstraint("lifecycle_stage IN ('active', 'deleted')", name="runs_lifecycle_stage"),
    CheckConstraint("status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED')"),
)

metrics = Table(
    "metrics",
    metadata,
    Column("key", _KEY, nullable=False),
    Column("value", _NUMBER, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("run_uuid", String(32), ForeignKey("runs.run_uuid"), nullable=False),
    Column("step", BigInteger, server_default="0", nullable=False),
    Column("is_nan", Boolean, server_default="0", nullable=False),
    PrimaryKeyConstraint(
        "key", "timestamp", "step", "run_uuid", "value", "is_nan", name="metric_pk"
    ),
    CheckConstraint("is_nan IN (0, 1)").ddl_if(dialect="sqlite"),
    Index("index_metrics_run_uuid", "run_uuid"),
)

latest_metrics = Table(
    "latest_metrics",
    metadata,
    Column("key", _KEY, nullable=False),
    Column("value", _NUMBER, nullable=False),
    Column("timestamp", BigInteger),
    Column("step", BigInteger, nullable=False),
    Column("is_nan", Boolean, nullable=False),
    Column("run_uuid", String(32), ForeignKey("runs.run_uuid"), nullable=False),
    PrimaryKeyConstraint("key", "run_uuid", name="latest_metric_pk"),
    CheckConstraint("is_nan IN (0, 1)").ddl_if(dialect="sqlite"),
    Index("index_latest_metrics_run_uuid", "run_uuid"),
)

params = Table(
    "params",
    metadata,
    Column("key", _KEY, nullable=False),
    Column("value", _PARAM, nullable=False),
    Column("run_uuid", String(32), ForeignKey("runs.run_uuid"), nullable=False),
    PrimaryKeyConstraint("key", "run_uuid", name="param_pk"),
    Index("index_params_run_uuid", "run_uuid"),
)

tags = Table(
    "tags",
    metadata,
    Column("key", _KEY, nullable=False),
    Column("value", _TAG),
    Column("run_uuid", String(32), ForeignKey("runs.run_uuid"), nullable=False),
    PrimaryKeyConstraint("key", "run_uuid", name="tag_pk"),
    Index("index_tags_run_uuid", "run_uuid"),
)

experiment_tags = Table(
    "experiment_tags",
    metadata,
    Column("key", _KEY, nullable=False),
    Column("value", _EXPERIMENT_TAG),
    Column("experiment_id", Integer, ForeignKey("experiments.experiment_id"), nullable=False),
    PrimaryKeyConstraint("key", "experiment_id", name="experiment_tag_pk"),
)

datasets = Table(
    "datasets",
    metadata,
    Column("dataset_uuid", String(36), nullable=False),
    Column("experiment_id", Integer, ForeignKey("experiments.experiment_id"), nullable=False),
    Column("name", String(500), nullable=False),
    Column("digest", String(36), nullable=False),
    Column("dataset_source_type", String(36), nullable=False),
    Column("dataset_source", _LONG, nullable=False),
    Column("dataset_schema", _LONG),
    Column("dataset_profile", _LONG),
    PrimaryKeyConstraint("experiment_id", "name", "digest", name="dataset_pk"),
    Index("index_datasets_dataset_uuid", "dataset_uuid"),
    Index(
        "index_datasets_experiment_id_dataset_source_type", "experiment_id", "dataset_source_type"
    ),
)

inputs = Table(
    "inputs",
    metadata,
    Column("input_uuid", String(36), nullable=False),
    Column("source_type", String(36), nullable=False),
    Column("source_id", String(36), nullable=False),
    Column("destination_type", String(36), nullable=False),
    Column("destination_id", String(36), nullable=False),
    PrimaryKeyConstraint(
        "source_type", "source_id", "destination_type", "destination_id", name="inputs_pk"
    ),
    Index(
        "index_inputs_destination_type_destination_id_source_type",
        "destination_type",
        "destination_id",
        "source_type",
    ),
    Index("index_inputs_input_uuid", "input_uuid"),
)

input_tags = Table(
    "input_tags",
    metadata,
    Column("input_uuid", String(36), nullable=False),
    Column("name", String(255), nullable=False),
    Column("value", String(500), nullable=False),
    PrimaryKeyConstraint("input_uuid", "name", name="input_tags_pk"),
)

# What this client reads and writes; the tables below are there for MLflow's upgrades.
USED = tuple(metadata.tables.values())

alembic_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

Table(
    "registered_models",
    metadata,
    Column("name", String(256), nullable=False, unique=True),
    Column("creation_time", BigInteger),
    Column("last_updated_time", BigInteger),
    Column("description", String(5000)),
    PrimaryKeyConstraint("name", name="registered_model_pk"),
)

Table(
    "registered_model_tags",
    metadata,
    Column("key", String(250), nullable=False),
    Column("value", String(5000)),
    Column(
        "name",
        String(256),
        ForeignKey("registered_models.name", onupdate="cascade"),
        nullable=False,
    ),
    PrimaryKeyConstraint("key", "name", name="registered_model_tag_pk"),
)

Table(
    "registered_model_aliases",
    metadata,
    Column("alias", String(256), nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", String(256), nullable=False),
    PrimaryKeyConstraint("name", "alias", name="registered_model_alias_pk"),
    ForeignKeyConstraint(
        ["name"],
        ["registered_models.name"],
        name="registered_model_alias_name_fkey",
        ondelete="cascade",
        onupdate="cascade",
    ),
)

Table(
    "model_versions",
    metadata,
    Column("name", String(256), nullable=False),
    Column("version", Integer, nullable=False),
    Column("creation_time", BigInteger),
    Column("last_updated_time", BigInteger),
    Column("description", String(5000)),
    Column("user_id", String(256)),
    Column("current_stage", String(20)),
    Column("source", String(500)),
    Column("run_id", String(32)),
    Column("status", String(20)),
    Column("status_message", String(500)),
    Column("run_link", String(500)),
    PrimaryKeyConstraint("name", "version", name="model_version_pk"),
    ForeignKeyConstraint(["name"], ["registered_models.name"], onupdate="CASCADE"),
)

Table(
    "model_version_tags",
    metadata,
    Column("key", String(250), nullable=False),
    Column("value", String(5000)),
    Column("name", String(256), nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("key", "name", "version", name="model_version_tag_pk"),
    ForeignKeyConstraint(
        ["name", "version"], ["model_versions.name", "model_versions.version"], onupdate="cascade"
    ),
)


def create(connection: Connection, artifact_root: str, now: int) -> None:
    """Create what is missing of the tables, and the experiment ``Default``."""
    if not is_unfinished(connection):  # another process just did
        return
    metadata.create_all(connection)
    connection.execute(
        insert(experiments).values(
            experiment_id=int(DEFAULT_EXPERIMENT_ID),
            name="Default",
            artifact_location=f"{artifact_root}/{DEFAULT_EXPERIMENT_ID}",
            lifecycle_stage=LifecycleStage.ACTIVE,
            creation_time=now,
            last_update_time=now,
        )
    )
    connection.execute(insert(alembic_version).values(version_num=REVISION))


def is_unfinished(connection: Connection) -> bool:
    """Whether there is no table yet, or some of ours: MySQL makes them one by one."""
    there = set(inspect(connection).get_table_names())
    if not there <= metadata.tables.keys():
        return False
    if alembic_version.name in there:
        return connection.scalar(select(alembic_version.c.version_num)) is None
    return not any("." in name for name in lacking(connection))


def lacking(connection: Connection) -> list[str]:
    """The tables and columns that this client needs and the database does not have."""
    inspector = inspect(connection)
    names = set(inspector.get_table_names())
    missing = []
    for table in USED:
        if table.name not in names:
            missing.append(table.name)
            continue
        there = {column["name"] for column in inspector.get_columns(table.name)}
        missing += [f"{table.name}.{column.name}" for column in table.c if column.name not in there]
    return missing
