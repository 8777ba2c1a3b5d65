"""What `/api/v1` answers: the contract with the page, with Grafana, and with scripts.

Times are milliseconds since 1970 UTC, half-open [from, to); scores lie in [-1, 1], shares in
[0, 1]; a number that can't be had (the mean of no posts) is null. Fields are only ever added.

Post ids hold `:` and `/` (`bluesky:did:plc:…/3k…`): percent-encode them (`encodeURIComponent`)
where they stand in a path. Topic names never hold a `/`.
"""

from __future__ import annotations

from services.dashboard.schemas.alerts import (
    AlertItem,
    AlertsPage,
    ExplanationItem,
)
from services.dashboard.schemas.base import (
    Problem,
)
from services.dashboard.schemas.events import (
    AlertEvent,
    FiguresEvent,
    ResyncEvent,
    TroubleEvent,
)
from services.dashboard.schemas.figures import (
    AlertBadge,
    Before,
    Figures,
    GapItem,
    NamespaceItem,
    Points,
    Series,
    Spark,
    TopicDetail,
    TopicRow,
    TopicsPage,
    TotalFigures,
)
from services.dashboard.schemas.operations import (
    GapsPage,
    Health,
    Operations,
    QualityItem,
    SourceItem,
)
from services.dashboard.schemas.posts import (
    PhraseItem,
    PhrasesPage,
    PostDetail,
    PostItem,
    PostRefItem,
    PostsPage,
    Regions,
    Word,
)

__all__ = [
    "AlertBadge",
    "AlertEvent",
    "AlertItem",
    "AlertsPage",
    "Before",
    "ExplanationItem",
    "Figures",
    "FiguresEvent",
    "GapItem",
    "GapsPage",
    "Health",
    "NamespaceItem",
    "Operations",
    "PhraseItem",
    "PhrasesPage",
    "Points",
    "PostDetail",
    "PostItem",
    "PostRefItem",
    "PostsPage",
    "Problem",
    "QualityItem",
    "Regions",
    "ResyncEvent",
    "Series",
    "SourceItem",
    "Spark",
    "TopicDetail",
    "TopicRow",
    "TopicsPage",
    "TotalFigures",
    "TroubleEvent",
    "Word",
]
