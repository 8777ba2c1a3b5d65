-- Moves positions forward, unless somebody else has moved one since we looked.
--
-- KEYS[1]  the progress hash of the stream's epoch
-- ARGV     1 MessagePack array of {partition, expected, position, marks}, 2 ttl_ms
-- Returns the fields that were not as expected; then nothing is written.
local moves = cmsgpack.unpack(ARGV[1])
local strangers = {}
for _, move in ipairs(moves) do
    local held = redis.call('HGET', KEYS[1], move[1])
    if (held or '') ~= move[2] then strangers[#strangers + 1] = move[1] end
end
if #strangers > 0 then return strangers end
for _, move in ipairs(moves) do
    redis.call('HSET', KEYS[1], move[1], move[3], move[1] .. ':marks', move[4])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return strangers
