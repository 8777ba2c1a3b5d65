-- Notes which topics keep a post's words, so that a deletion finds them.
--
-- KEYS[1]  the hash of one day (of arrival) and one scores partition
-- ARGV     1 MessagePack array of {id digest, topic, created_ms}, 2 ttl_ms
-- A post may be of thousands of topics: what is held of it is read and written once.
local posts, known = {}, {}
for _, entry in ipairs(cmsgpack.unpack(ARGV[1])) do
    local id, topic, created = unpack(entry)
    if not posts[id] then
        local old = redis.call('HGET', KEYS[1], id)
        posts[id], known[id] = old and cmsgpack.unpack(old) or {created}, {}
        for i = 2, #posts[id] do known[id][posts[id][i]] = true end
    end
    if not known[id][topic] then
        known[id][topic] = true
        table.insert(posts[id], topic)
    end
end
for id, held in pairs(posts) do redis.call('HSET', KEYS[1], id, cmsgpack.pack(held)) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
