"""Topics: what a user monitors, each defined by a boolean query over posts.

`load_topics(path).match(PostView(text, …))` names the topics of a post. The
language is described in `parser.py`, how text is compared in `folding.py`.
"""

from services.topics.file import TopicsFile, load_topics, parse_topics
from services.topics.matcher import Topic, Topics
from services.topics.words import PostView

__all__ = ["PostView", "Topic", "Topics", "TopicsFile", "load_topics", "parse_topics"]
