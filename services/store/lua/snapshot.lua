-- Reads one topic's figures at one moment.
--
-- KEYS[1]  the topic's `at` hash; its name less "at" starts every key of the topic
-- ARGV     key suffixes of slices of panes
-- Returns {at, totals, distinct authors, slice, slice …}, hashes as field, value, field, value …
local prefix = string.sub(KEYS[1], 1, -3)
local out = {
    redis.call('HGETALL', KEYS[1]),
    redis.call('HGETALL', prefix .. 'totals'),
    redis.call('PFCOUNT', prefix .. 'authors'),
}
for i, suffix in ipairs(ARGV) do out[i + 3] = redis.call('HGETALL', prefix .. suffix) end
return out
