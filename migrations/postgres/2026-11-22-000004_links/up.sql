-- The ranker follows what was decided about links.

CREATE INDEX links_decided ON links (decided_at);
