"""A real Kafka that trusts nobody: TLS, SASL/SCRAM or client certificates, and the standard authorizer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from streams.kafka.embedded import free_port
from streams.settings import KafkaSettings
from tests.certificates import Authority, Pair
from tests.kafka_server import KafkaServer

__all__ = ["SUPER", "SecureKafka", "password"]

SUPER = "super"  # the one super user that signs in; the broker itself is the other
# Properties that come last count: these take the place of the plaintext listeners.
_PROPERTIES = """
listeners=SASL_SSL://127.0.0.1:{port},SSL://127.0.0.1:{mutual},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SASL_SSL://127.0.0.1:{port},SSL://127.0.0.1:{mutual}
controller.quorum.voters=1@127.0.0.1:{controller}
listener.security.protocol.map=SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:SSL
inter.broker.listener.name=SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
listener.name.ssl.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^CN=([^,]+)$/$1/
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:broker;User:{superuser}
"""


def password(user: str) -> str:
    """The password of a user of the tests."""
    return f"made-up-password-of-{user}"


class SecureKafka(KafkaServer):
    """`users` sign in by SCRAM-SHA-512 at `bootstrap`, or at `mutual` by a certificate with their name.

    `own` takes the place of the broker's certificate, which is made with the authority otherwise.
    """

    def __init__(self, folder: Path, users: Iterable[str], own: Pair | None = None) -> None:
        self.authority = Authority(folder)
        port, self._mutual = free_port(), free_port()
        extra = _PROPERTIES.format(
            port=port,
            mutual=self._mutual,
            controller=free_port(),
            keystore=(own or self.authority.sign("broker")).both,
            authority=self.authority.ca,
            superuser=SUPER,
        )
        scram = [f"SCRAM-SHA-512=[name={user},password={password(user)}]" for user in (SUPER, *users)]
        super().__init__(folder, extra, [word for one in scram for word in ("--add-scram", one)], port)

    def user(self, name: str) -> KafkaSettings:
        """How a user reaches it, by password."""
        return KafkaSettings.model_validate(
            {
                "bootstrap": self.bootstrap,
                "security": "SASL_SSL",
                "ca_file": self.authority.ca,
                "username": name,
                "password": password(name),
            }
        )

    def holder(self, name: str) -> KafkaSettings:
        """How the holder of a certificate with this name reaches it."""
        pair = self.authority.sign(name)
        return KafkaSettings(
            bootstrap=f"127.0.0.1:{self._mutual}",
            security="SSL",
            ca_file=self.authority.ca,
            cert_file=pair.cert,
            key_file=pair.key,
        )
