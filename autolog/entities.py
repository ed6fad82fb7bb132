"""MLflow's place for runs, experiments and what they hold."""

from core_client.entities import *
