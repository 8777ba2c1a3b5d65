-- One topic at a glance: a rolling window, the window before it, and a small series.
-- Stands behind sums.lua.
--
-- KEYS[1]  the topic's `rolling` hash; its name less "rolling" starts every key of the topic
-- ARGV     1 the window's name, 2 its length in ms, 3 the end it may not be older than (0: any),
--          4 an end to take instead of the stored one, or "", 5 and 6 resolution and pane width
--          of the series, 7 its steps, 8 score unit
-- Returns four lines: end_ms, the window as stored (empty where ARGV[4] is given), the window
-- before and the series, as JSON. Nothing where no window is stored, or too old a one.

local window, length = ARGV[1], tonumber(ARGV[2])
local width, steps, unit = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])

local end_ms, document = ARGV[4], ''
if end_ms == '' then
    local held = call('HMGET', key, 'end', window)
    if not held[1] or tonumber(held[1]) < tonumber(ARGV[3]) then return nil end
    end_ms, document = held[1], held[2]
end
end_ms = tonumber(end_ms)

local function before()
    local sum, stop = empty(), end_ms
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
    local n, mean, deviation = estimate(sum, unit)
    local share = n > 0 and format('%.6f', sum[1] / n) or 'null'
    return format(
        '{"count":%.0f,"negative_share":%s,"mean_score":%s,"standard_error":%s}',
        n, share, mean, deviation)
end

local function series()
    local last = floor((end_ms - 1) / width)
    local counts, negatives, means = {}, {}, {}
    for i = 1, steps do
        local sum = empty()
        add_panes(sum, ARGV[5] .. ':', last - steps + i, last - steps + i + 1)
        local n = sum[1] + sum[2] + sum[3]
        counts[i], negatives[i] = n, sum[1]
        means[i] = n > 0 and format('%.4f', sum[4] / n / unit) or 'null'
    end
    return format(
        '{"start_ms":%.0f,"step_ms":%.0f,"count":[%s],"negative":[%s],"mean_score":[%s]}',
        (last - steps + 1) * width, width, table.concat(counts, ','),
        table.concat(negatives, ','), table.concat(means, ','))
end

return table.concat({format('%.0f', end_ms), document, before(), series()}, '\n')
