-- Replaces what is known of one delivery of an alert.
--
-- KEYS[1]  the namespace's `alerts` hash
-- ARGV     1 token of the lease, 2 receiver, 3 event key, 4 attempts as we know them,
--          5 the delivery as JSON, 6 "1" where nothing more is tried
-- Returns 1; 0 where the lease is another's, or another has tried since.
local call = redis.call
local outbox = KEYS[1] .. ':outbox:'
local member = ARGV[2] .. '|' .. ARGV[3]
if call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
local held = call('HGET', outbox .. 'deliveries', member)
if not held or cjson.decode(held).attempts ~= tonumber(ARGV[4]) then return 0 end
call('HSET', outbox .. 'deliveries', member, ARGV[5])
if ARGV[6] == '1' then call('ZREM', outbox .. 'pending:' .. ARGV[2], ARGV[3]) end
return 1
