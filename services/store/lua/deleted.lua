-- Remembers deleted posts; counts each once.
--
-- KEYS[1]  the namespace's `counts` hash; its name less "counts" starts the namespace's keys
-- ARGV     1 MessagePack array of {id digest, day of deletion}, 2 ttl_ms, 3 "1" to count
-- All partitions bring the same deletions. One of them counts, all remember: so two sets.
local prefix = string.sub(KEYS[1], 1, -7)
for _, entry in ipairs(cmsgpack.unpack(ARGV[1])) do
    local key = prefix .. 'deleted:' .. entry[2]
    redis.call('SADD', key, entry[1])
    redis.call('PEXPIRE', key, ARGV[2])
    if ARGV[3] == '1' then
        local counted = prefix .. 'counted:' .. entry[2]
        if redis.call('SADD', counted, entry[1]) == 1 then
            redis.call('HINCRBY', KEYS[1], 'deleted', 1)
        end
        redis.call('PEXPIRE', counted, ARGV[2])
    end
end
return 1
