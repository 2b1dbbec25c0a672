"""Run Apache Kafka as one broker on this machine: its data in a folder, its address on 127.0.0.1."""

from infra.local_kafka.broker import LocalKafka
from infra.local_kafka.client_files import client_files, write_client_files
from infra.local_kafka.java import find_java
from infra.local_kafka.login import local_connection
from infra.local_kafka.startup_cache import create_startup_cache, installed_startup_cache

__all__ = [
    "LocalKafka",
    "client_files",
    "create_startup_cache",
    "find_java",
    "installed_startup_cache",
    "local_connection",
    "write_client_files",
]
