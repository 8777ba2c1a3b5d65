-- Takes or keeps the lease of a namespace's alerts, by the server's clock.
--
-- KEYS[1]  the namespace's `alerts` hash
-- ARGV     1 holder, 2 ttl_ms; 0 lets go of it
-- Returns the holder's token, which changes with every new holder; 0 where another holds it.
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl = tonumber(ARGV[2])
local held = call('HMGET', KEYS[1], 'holder', 'until', 'token')
local mine = held[1] == ARGV[1]
if ttl == 0 then
    if mine then call('HDEL', KEYS[1], 'holder', 'until') end
    return 0
end
if not mine and held[1] and tonumber(held[2]) > now then return 0 end
local token = held[3]
if not mine then token = call('HINCRBY', KEYS[1], 'token', 1) end
call('HSET', KEYS[1], 'holder', ARGV[1], 'until', string.format('%.0f', now + ttl))
return tonumber(token)
