"""Where live posts come from, and what each platform wants of us."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

SOURCE_SECRETS: Final = ("mastodon_token", "x_bearer_token")


class SourceSettings(BaseSettings):
    """The part of `Settings` that live sources read."""

    bluesky_hosts: str = Field(
        "",
        examples=["wss://jetstream2.us-east.bsky.network"],
        description="Jetstream servers, comma-separated, in order of preference; unset: the "
        "public ones.",
    )
    mastodon_server: str | None = Field(
        None,
        examples=["https://mastodon.social"],
        pattern=r"^https?://[^/]+/?$",
        description="The Mastodon server whose public timeline is read.",
    )
    mastodon_token: SecretStr | None = Field(
        None, examples=["…"], description="Access token of an account there."
    )
    mastodon_token_file: Path | None = Field(
        None, examples=["/run/secrets/mastodon_token"], description="File with that token."
    )
    mastodon_stream: Literal["public", "public:local", "public:remote"] = Field(
        "public", description="public, public:local or public:remote."
    )
    x_bearer_token: SecretStr | None = Field(
        None, examples=["…"], description="Bearer token of an app at X."
    )
    x_bearer_token_file: Path | None = Field(
        None, examples=["/run/secrets/x_bearer_token"], description="File with that token."
    )
    x_monthly_cap: float = Field(
        0.0,
        ge=0,
        description="What reading X may cost in a calendar month; reading stops there. "
        "Needed for --source x.",
    )
    x_price_per_post: float = Field(
        0.005, gt=0, description="What X charges for one post, in the currency of the cap."
    )
    x_rule_length: int = Field(
        512, ge=64, description="Characters that X allows in one rule on your plan."
    )
    x_rules: int = Field(1000, ge=1, description="Rules that X allows on your plan.")
    x_api_url: str | None = Field(
        None,
        examples=["https://x-proxy.example"],
        pattern=r"^https?://[^/]+$",
        description="Where X's API is asked instead of X itself: a proxy.",
    )
    x_backfill: bool = Field(
        False, description="Your plan has backfill_minutes (else gaps are searched for)."
    )

    x_recheck_h: int = Field(
        6,
        ge=0,
        le=24,
        description="So often X is asked which of the posts that we keep are deleted; 0: never.",
    )
