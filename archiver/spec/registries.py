"""The part of a spec that says how registries are reached: mirrors, fallbacks, TLS, credentials."""

from __future__ import annotations

from typing import Annotated, Iterator, Mapping

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from archiver.core.errors import InvalidReference
from archiver.core.reference import Reference
from archiver.spec.access import Auth
from archiver.spec.values import Model, wrong

_FOR_PREFIXES = frozenset({"mirrors", "fallbacks"})
_EXAMPLE = "such as docker.io, harbor.example.org:5000 or docker.io/kubesphere"


def location(text: str) -> str:
    """Return ``host[:port][/path]`` with the host in lowercase and one name for Docker Hub."""
    if "://" in text:
        raise wrong(
            f"{text!r:.200} has a scheme",
            "leave it out; plain_http: true in the registry's own entry means http",
        )
    host, slash, path = text.partition("/")
    if not ("." in host or ":" in host or host == "localhost"):  # as docker tells hosts from names
        raise wrong(
            f"{text!r:.200} does not begin with a registry's host",
            f"write the host with its domain or port, {_EXAMPLE}",
        )
    try:
        registry = Reference.parse(f"{host.lower()}{slash}{path}/x").registry
    except InvalidReference as error:
        raise wrong(
            f"{text!r:.200} is not a registry, nor one with a path",
            f"write host, host:port or host/path, {_EXAMPLE}; paths are lowercase",
        ) from error
    return f"{registry}{slash}{path}"


def _key(text: str) -> str:
    location(text)
    return text  # as it is written, so that errors have its line; ``_canonical`` does the rest


def _canonical(registries: Mapping[str, RegistrySettings]) -> Mapping[str, RegistrySettings]:
    found: dict[str, RegistrySettings] = {}
    for key, settings in registries.items():
        name = location(key)
        if name in found:
            raise wrong(
                f"{name} is here twice", "Docker Hub's names all mean docker.io; make it one entry", at=key
            )
        if "/" in name:
            for field in _for_hosts(settings):
                raise wrong(
                    f"{field!r} cannot be said for a part of a registry",
                    f"put it into the entry of {name.partition('/')[0]}; here only mirrors and fallbacks can be",
                    at=(key, field),
                )
        _check_others(key, name, settings)
        found[name] = settings
    return found


def _for_hosts(settings: RegistrySettings) -> Iterator[str]:
    """Yield the keys with a value that only a whole registry can have."""
    for name, field in RegistrySettings.model_fields.items():
        if name not in _FOR_PREFIXES and getattr(settings, name) != field.default:
            yield name


def _check_others(key: str, name: str, settings: RegistrySettings) -> None:
    seen: set[str] = set()
    for field, locations in (("mirrors", settings.mirrors), ("fallbacks", settings.fallbacks)):
        for place in locations:
            if place == name:
                raise wrong(f"{place} is given in place of itself", "leave it out", at=(key, field))
            if place in seen:
                raise wrong(f"{place} is here twice", "drop one of the two", at=(key, field))
            seen.add(place)


Location = Annotated[str, AfterValidator(location)]
RegistryKey = Annotated[str, AfterValidator(_key)]
FilePath = Annotated[str, StringConstraints(min_length=1)]


class Tls(Model):
    """TLS with one registry. Paths are relative to the spec."""

    ca: FilePath | None = Field(None, description="file with the certificates of CAs to trust, in PEM form")
    cert: FilePath | None = Field(None, description="file with the client's certificate, in PEM form")
    key: FilePath | None = Field(None, description="file with the client certificate's key, in PEM form")
    verify: bool = Field(True, description="false: take any certificate, whoever shows it")

    @model_validator(mode="after")
    def _fits_together(self) -> Tls:
        if (self.cert is None) != (self.key is None):
            there, missing = ("cert", "key") if self.key is None else ("key", "cert")
            raise wrong(f"{there!r} is given without {missing!r}", "give both, or none", at=there)
        if self.ca is not None and not self.verify:
            raise wrong(
                "'ca' says whom to trust, and 'verify: false' to trust anybody",
                "drop 'verify: false': with the right ca it is not needed",
                at="verify",
            )
        return self


class RegistrySettings(Model):
    """How one registry is reached, or what stands in for a part of it."""

    mirrors: tuple[Location, ...] = Field(
        (), description="host[:port][/path] that are asked for content before the registry, in order"
    )
    fallbacks: tuple[Location, ...] = Field((), description="the same that are asked last")
    connections: int = Field(6, ge=1, le=32, description="parallel transfers with this registry")
    tls: Tls | None = Field(None, description="own CA, client certificate, no verification")
    plain_http: bool = Field(False, description="http for a registry that is not on this machine")
    auth: Auth | None = Field(None, description="username and password, both as ${NAME}")

    @model_validator(mode="after")
    def _encrypted_or_not(self) -> RegistrySettings:
        if self.plain_http and self.tls is not None:
            raise wrong("'tls' and 'plain_http: true' are both given", "drop one of the two", at="plain_http")
        return self


RegistryMap = Annotated[Mapping[RegistryKey, RegistrySettings], AfterValidator(_canonical)]
