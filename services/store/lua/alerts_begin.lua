-- Notes that a namespace will be judged, so that what this needs is not dropped before.
--
-- KEYS[1]  the namespace's `alerts` hash; its name up to } starts the namespace's keys
-- ARGV     1 token of the lease, 2 silent_ms
-- Returns 1; 0 where the lease is another's.
local call = redis.call
if call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
call('HSETNX', KEYS[1], 'silent', ARGV[2])
local prefix, book = string.match(KEYS[1], '^(.*}:)(.*)$')
call('HSETNX', prefix .. 'floors', book, '0')
return 1
