-- Writes what one step of the alert hop decided: all of it, or nothing.
--
-- KEYS[1]  the namespace's `alerts` hash; its name up to } starts the namespace's keys
-- ARGV[1]  MessagePack array:
--   1 token of the lease   2 `evaluated` as we know it, '' for never   3 `evaluated` from now on
--   4 heard    the newest judged minute that had a post
--   5 alerts   array of {id, topic, rule, opened_ms, document, 1 if open}
--   6 events   array of {key, document, {receiver, ...}}
--   7 oldest   alerts that opened before this and are resolved are dropped (ms)
-- ARGV[2..]  detector states: topic, bytes, topic, bytes ...
-- Returns 1; 0 where the lease is another's, or `evaluated` is not what we know.
local head, call = KEYS[1], redis.call
local own = head .. ':'
local token, expected, evaluated, heard, alerts, events, oldest = unpack(cmsgpack.unpack(ARGV[1]))
local held = call('HMGET', head, 'token', 'evaluated')
if held[1] ~= token or (held[2] or '') ~= expected then return 0 end

for _, alert in ipairs(alerts) do
    local id, topic, rule, opened, document, open = unpack(alert)
    call('HSET', own .. 'docs', id, document)
    call('ZADD', own .. 'times', opened, id)
    call('ZADD', own .. 'of:' .. topic, opened, id)
    call('HSET', own .. 'last', topic .. '/' .. rule, id)
    call(open == 1 and 'SADD' or 'SREM', own .. 'open', id)
end

local fresh = cjson.encode({state = 'pending', attempts = 0, changed_ms = 0, error = ''})
for _, event in ipairs(events) do
    local key, document, receivers = unpack(event)
    if call('HSETNX', own .. 'outbox:events', key, document) == 1 then
        for _, receiver in ipairs(receivers) do
            local number = call('HINCRBY', head, 'sent', 1)
            call('ZADD', own .. 'outbox:pending:' .. receiver, number, key)
            call('HSET', own .. 'outbox:deliveries', receiver .. '|' .. key, fresh)
        end
    end
end

for i = 2, #ARGV, 2 do call('HSET', own .. 'states', ARGV[i], ARGV[i + 1]) end

local function drop(id)
    local document = call('HGET', own .. 'docs', id)
    if document then
        local alert = cjson.decode(document)
        local name = alert.topic .. '/' .. alert.rule
        if call('HGET', own .. 'last', name) == id then call('HDEL', own .. 'last', name) end
        call('ZREM', own .. 'of:' .. alert.topic, id)
        for sequence = 1, alert.sequence do
            local key = id .. ':' .. sequence
            local event = call('HGET', own .. 'outbox:events', key)
            for _, receiver in ipairs(event and cjson.decode(event).receivers or {}) do
                call('ZREM', own .. 'outbox:pending:' .. receiver, key)
                call('HDEL', own .. 'outbox:deliveries', receiver .. '|' .. key)
            end
            call('HDEL', own .. 'outbox:events', key)
        end
        call('HDEL', own .. 'docs', id)
    end
    call('ZREM', own .. 'times', id)
end

for _, id in ipairs(call('ZRANGEBYSCORE', own .. 'times', '-inf', '(' .. oldest, 'LIMIT', 0, 100)) do
    if call('SISMEMBER', own .. 'open', id) == 0 then drop(id) end
end

call('HSET', head, 'evaluated', evaluated, 'heard', heard)
local prefix, book = string.match(head, '^(.*}:)(.*)$')
call('HSET', prefix .. 'floors', book, evaluated)
return 1
