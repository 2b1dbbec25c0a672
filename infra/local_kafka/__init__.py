"""A real Apache Kafka of one node: a folder goes in, an address on 127.0.0.1 comes out."""

from infra.local_kafka.broker import LocalKafka
from infra.local_kafka.java import find_java
from infra.local_kafka.warm_up import installed_warm_up, warm_up

__all__ = ["LocalKafka", "find_java", "installed_warm_up", "warm_up"]
