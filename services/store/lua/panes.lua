-- Panes of one topic as one text, which is quicker to send and to read than thousands of replies.
--
-- KEYS[1]  the topic's `rolling` hash; its name less "rolling" starts every key of the topic
-- ARGV     resolution, first slice, last slice
-- Returns two lines: panes per slice ("60 3 0"), and all panes: field, eight integers, field, …

local prefix = string.sub(KEYS[1], 1, -8) .. ARGV[1] .. ':'
local sizes, texts = {}, {}
for number = tonumber(ARGV[2]), tonumber(ARGV[3]) do
    local flat = redis.call('HGETALL', prefix .. string.format('%.0f', number))
    sizes[#sizes + 1] = #flat / 2
    if #flat > 0 then texts[#texts + 1] = table.concat(flat, ' ') end
end
return table.concat(sizes, ' ') .. '\n' .. table.concat(texts, ' ')
