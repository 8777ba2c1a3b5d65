-- One topic at a glance: a rolling window, the window before it, and a small series.
--
-- KEYS[1]  the topic's `rolling` hash; its name less "rolling" starts every key of the topic
-- ARGV     1 the window's name, 2 its length in ms, 3 the end it may not be older than (0: any),
--          4 an end to take instead of the stored one, or "", 5 and 6 resolution and pane width
--          of the series, 7 its steps, 8 score unit
-- Returns four lines: end_ms, the window as stored (empty where ARGV[4] is given), the window
-- before and the series, as JSON. Nothing where no window is stored, or too old a one.

local key, window, length = KEYS[1], ARGV[1], tonumber(ARGV[2])
local prefix = string.sub(key, 1, -8)
local call, floor, format = redis.call, math.floor, string.format
local width, steps, unit = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local PATTERN = '^(%S+) (%S+) (%S+) (%S+) (%S+)'

local end_ms, document = ARGV[4], ''
if end_ms == '' then
    local held = call('HMGET', key, 'end', window)
    if not held[1] or tonumber(held[1]) < tonumber(ARGV[3]) then return nil end
    end_ms, document = held[1], held[2]
end
end_ms = tonumber(end_ms)

local slices = {}
local function slice(name, number)
    local id = name .. format('%.0f', number)
    local held = slices[id]
    if not held then
        held = {}
        local flat = call('HGETALL', prefix .. id)
        for i = 1, #flat, 2 do held[tonumber(flat[i])] = flat[i + 1] end
        slices[id] = held
    end
    return held
end

-- Posts, negative ones, sum and squares of the scores in panes [start, stop).
local function add_panes(sum, name, start, stop)
    for pane = start, stop - 1 do
        local value = slice(name, floor(pane / 60))[pane % 60]
        if value then
            local a, b, c, d, e = string.match(value, PATTERN)
            sum[1], sum[2], sum[3], sum[4] = sum[1] + a + b + c, sum[2] + a, sum[3] + d, sum[4] + e
        end
    end
end

-- As in roll.lua: panes of `fine` cover the ragged edges, of `coarse` (n times wider) the rest.
local function add_cover(sum, fine, coarse, n, start, stop)
    local first, last = math.ceil(start / n), floor(stop / n)
    if first > last then return add_panes(sum, fine, start, stop) end
    add_panes(sum, fine, start, first * n)
    add_panes(sum, coarse, first, last)
    add_panes(sum, fine, last * n, stop)
end

local function before()
    local sum, stop = {0, 0, 0, 0}, end_ms
    if window == '24h' then
        stop = math.ceil(end_ms / 60000) * 60000 - length
        add_cover(sum, '1m:', '1h:', 60, (stop - length) / 60000, stop / 60000)
    elseif window == '1h' then
        stop = end_ms - length
        add_cover(sum, '10s:', '1m:', 6, (stop - length) / 10000, stop / 10000)
    else
        stop = end_ms - length
        add_panes(sum, '10s:', (stop - length) / 10000, stop / 10000)
    end
    local n, share, mean, deviation = sum[1], 'null', 'null', 'null'
    if n > 0 then share, mean = format('%.6f', sum[2] / n), format('%.6f', sum[3] / n / unit) end
    if n > 1 then
        local variance = math.max(0, (sum[4] - sum[3] * sum[3] / n) / (n - 1))
        deviation = format('%.6f', math.sqrt(variance / n) / unit)
    end
    return format(
        '{"count":%.0f,"negative_share":%s,"mean_score":%s,"standard_error":%s}',
        n, share, mean, deviation)
end

local function series()
    local last = floor((end_ms - 1) / width)
    local counts, negatives, means = {}, {}, {}
    for i = 1, steps do
        local sum = {0, 0, 0, 0}
        add_panes(sum, ARGV[5] .. ':', last - steps + i, last - steps + i + 1)
        counts[i], negatives[i] = sum[1], sum[2]
        means[i] = sum[1] > 0 and format('%.4f', sum[3] / sum[1] / unit) or 'null'
    end
    return format(
        '{"start_ms":%.0f,"step_ms":%.0f,"count":[%s],"negative":[%s],"mean_score":[%s]}',
        (last - steps + 1) * width, width, table.concat(counts, ','),
        table.concat(negatives, ','), table.concat(means, ','))
end

return table.concat({format('%.0f', end_ms), document, before(), series()}, '\n')
