-- Removes a deleted post's words and link from what a topic keeps, once.
--
-- KEYS[1]  the topic's `at` hash; its name less "at" starts every key of the topic
-- ARGV     1 id, 2 created_ms
-- Returns how many copies were removed.
local prefix = string.sub(KEYS[1], 1, -3)
local created = tonumber(ARGV[2])
local removed = 0
local hour, minute = math.floor(created / 3600000), math.floor(created / 60000)
for _, tier in ipairs({'top:1h:' .. hour, 'top:1m:' .. minute,
                       'sample:1h:' .. hour, 'sample:1m:' .. minute}) do
    local key = prefix .. tier
    for _, field in ipairs(redis.call('HKEYS', key)) do
        if string.match(field, '^%d+:%d+:(.*)$') == ARGV[1] then
            removed = removed + redis.call('HDEL', key, field)
        end
    end
end
if removed > 0 then redis.call('HINCRBY', prefix .. 'totals', 'deleted', 1) end
return removed
