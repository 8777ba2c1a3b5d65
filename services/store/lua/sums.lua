-- Sums of one topic's panes: what roll.lua and glance.lua share, and stand behind.
--
-- KEYS[1]  the topic's `rolling` hash; its name less "rolling" starts every key of the topic

local key = KEYS[1]
local prefix = string.sub(key, 1, -8)
local call, floor, format = redis.call, math.floor, string.format
local PATTERN = '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$'

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

-- negative neutral positive sum squares late reposts images
local function empty() return {0, 0, 0, 0, 0, 0, 0, 0} end

-- Panes from `start` on, before `stop`.
local function add_panes(sum, name, start, stop)
    for pane = start, stop - 1 do
        local value = slice(name, floor(pane / 60))[pane % 60]
        if value then
            local a, b, c, d, e, f, g, h = string.match(value, PATTERN)
            sum[1], sum[2], sum[3], sum[4] = sum[1] + a, sum[2] + b, sum[3] + c, sum[4] + d
            sum[5], sum[6], sum[7], sum[8] = sum[5] + e, sum[6] + f, sum[7] + g, sum[8] + h
        end
    end
end

-- Panes of `fine` cover the ragged edges, panes of `coarse` (n times wider) what lies between.
local function add_cover(sum, fine, coarse, n, start, stop)
    local first, last = math.ceil(start / n), floor(stop / n)
    if first > last then return add_panes(sum, fine, start, stop) end
    add_panes(sum, fine, start, first * n)
    add_panes(sum, coarse, first, last)
    add_panes(sum, fine, last * n, stop)
end

-- How many posts; the mean of their scores and its standard error, as JSON.
local function estimate(sum, unit)
    local n, mean, deviation = sum[1] + sum[2] + sum[3], 'null', 'null'
    if n > 0 then mean = format('%.6f', sum[4] / n / unit) end
    if n > 1 then
        local variance = math.max(0, (sum[5] - sum[4] * sum[4] / n) / (n - 1))
        deviation = format('%.6f', math.sqrt(variance / n) / unit)
    end
    return n, mean, deviation
end
