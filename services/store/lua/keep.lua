-- Notes which topics keep a post's words, so that a deletion finds them.
--
-- KEYS[1]  the hash of one day (of arrival) and one scores partition
-- ARGV     1 MessagePack array of {id digest, topic, created_ms}, 2 ttl_ms
for _, entry in ipairs(cmsgpack.unpack(ARGV[1])) do
    local id, topic, created = unpack(entry)
    local old = redis.call('HGET', KEYS[1], id)
    local held = old and cmsgpack.unpack(old) or {created}
    local known = false
    for i = 2, #held do known = known or held[i] == topic end
    if not known then
        held[#held + 1] = topic
        redis.call('HSET', KEYS[1], id, cmsgpack.pack(held))
    end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
