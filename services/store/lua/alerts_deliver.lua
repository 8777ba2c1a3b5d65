-- Replaces what is known of one delivery of an alert.
--
-- KEYS[1]  the namespace's `alerts` hash
-- ARGV     1 token of the lease, 2 "receiver|event key", 3 attempts as we know them,
--          4 the delivery as JSON, 5 "1" where nothing more is tried
-- Returns 1; 0 where the lease is another's, or another has tried since.
local call = redis.call
local outbox = KEYS[1] .. ':outbox:'
if call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
local held = call('HGET', outbox .. 'deliveries', ARGV[2])
if not held or cjson.decode(held).attempts ~= tonumber(ARGV[3]) then return 0 end
call('HSET', outbox .. 'deliveries', ARGV[2], ARGV[4])
if ARGV[5] == '1' then call('ZREM', outbox .. 'pending', ARGV[2]) end
return 1
