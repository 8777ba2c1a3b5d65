-- Publishes the watermark of one partition; it never goes back.
--
-- KEYS[1]  the namespace's watermark hash
-- ARGV     field, milliseconds, field, milliseconds …
for i = 1, #ARGV, 2 do
    local held = redis.call('HGET', KEYS[1], ARGV[i])
    if not held or tonumber(ARGV[i + 1]) > tonumber(held) then
        redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    end
end
return 1
