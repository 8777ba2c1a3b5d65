-- Remembers deleted posts; counts each once.
--
-- KEYS[1]  the namespace's `counts` hash; its name less "counts" starts the namespace's keys
-- ARGV     1 MessagePack array of {id digest, day of deletion}, 2 ttl_ms, 3 "1" to count
-- All partitions bring the same deletions. One of them counts, all remember: so two sets.
-- A post may be deleted again on another day (first itself, then with its account).
local prefix = string.sub(KEYS[1], 1, -7)
local days = math.floor(ARGV[2] / 86400000)

local function is_counted(id, day)
    for other = day - days, day + days do
        if redis.call('SISMEMBER', prefix .. 'counted:' .. other, id) == 1 then return true end
    end
    return false
end

for _, entry in ipairs(cmsgpack.unpack(ARGV[1])) do
    local id, day = entry[1], entry[2]
    local key = prefix .. 'deleted:' .. day
    redis.call('SADD', key, id)
    redis.call('PEXPIRE', key, ARGV[2])
    if ARGV[3] == '1' and not is_counted(id, day) then
        local counted = prefix .. 'counted:' .. day
        redis.call('SADD', counted, id)
        redis.call('PEXPIRE', counted, ARGV[2])
        redis.call('HINCRBY', KEYS[1], 'deleted', 1)
    end
end
return 1
