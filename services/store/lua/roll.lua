-- Sums one topic's panes into its rolling windows.
-- Stands behind sums.lua.
--
-- KEYS[1]  the topic's `rolling` hash; its name less "rolling" starts every key of the topic
-- ARGV     1 end_ms (a multiple of 10 s, exclusive), 2 "1" to write, 3 "1" to count authors
--          and gather the posts that weigh most anew, 4 posts per window, 5 score unit, 6 ttl_ms
-- Returns the hash as it is now: field, value, field, value …
--
-- Windows up to 15 minutes are sums of 10 s panes. An hour takes whole minutes
-- where it can; a day ends at a whole minute and takes whole hours where it can.

local end_ms, write, refresh = tonumber(ARGV[1]), ARGV[2] == '1', ARGV[3] == '1'
local most, unit = tonumber(ARGV[4]), tonumber(ARGV[5])

local function copy(v) return {unpack(v)} end

local ten = end_ms / 10000
local sums = {empty()}
add_panes(sums[1], '10s:', ten - 6, ten)
sums[2] = copy(sums[1])
add_panes(sums[2], '10s:', ten - 30, ten - 6)
sums[3] = copy(sums[2])
add_panes(sums[3], '10s:', ten - 90, ten - 30)
sums[4] = copy(sums[3])
add_cover(sums[4], '10s:', '1m:', 6, ten - 360, ten - 90)
local minute = math.ceil(end_ms / 60000)
sums[5] = empty()
add_cover(sums[5], '1m:', '1h:', 60, minute - 1440, minute)

local WINDOWS = {{'1m', 60000}, {'5m', 300000}, {'15m', 900000}, {'1h', 3600000}, {'24h', 86400000}}

local function bounds(i)
    local stop = i == 5 and minute * 60000 or end_ms
    return stop - WINDOWS[i][2], stop
end

-- Whole tiers where they fit. The left edge of an hour is a whole minute, that of a day
-- a whole hour: so much too far back its authors are counted.
local function count_authors(i)
    local start, stop = bounds(i)
    local keys = {}
    local function add(tier, first, last)
        for n = first, last - 1 do keys[#keys + 1] = prefix .. 'authors:' .. tier .. n end
    end
    local fine, coarse, n = '10s:', '1m:', 6
    start, stop = start / 10000, stop / 10000
    if i == 5 then fine, coarse, n, start, stop = '1m:', '1h:', 60, start / 6, stop / 6 end
    local first, last = math.ceil(start / n), floor(stop / n)
    if i > 3 then first = floor(start / n) end
    if first > last then
        add(fine, start, stop)
    else
        if i <= 3 then add(fine, start, first * n) end
        add(coarse, first, last)
        add(fine, last * n, stop)
    end
    return call('PFCOUNT', unpack(keys))
end

local function top_posts(i)
    local start, stop = bounds(i)
    local found, seen = {}, {}
    local function gather(tier, width)
        for n = floor(start / width), floor((stop - 1) / width) do
            local slot = prefix .. tier .. n
            for _, field in ipairs(call('HKEYS', slot)) do
                local created = tonumber(string.sub(field, 7, 19))
                if created >= start and created < stop and not seen[field] then
                    seen[field] = true
                    found[#found + 1] = {field, slot}
                end
            end
        end
    end
    gather('top:1h:', 3600000)
    if i < 4 then gather('top:1m:', 60000) end
    table.sort(found, function(x, y) return x[1] > y[1] end)
    local documents = {}
    for n = 1, math.min(most, #found) do
        documents[n] = call('HGET', found[n][2], found[n][1])
    end
    return '[' .. table.concat(documents, ',') .. ']'
end

local old = {}
if not refresh then
    local flat = call('HMGET', key, 'authors', 'top:1m', 'top:5m', 'top:15m', 'top:1h', 'top:24h')
    if flat[1] then old = flat else refresh = true end
end

local authors = {}
if refresh then
    for i = 1, 5 do
        local posts = sums[i][1] + sums[i][2] + sums[i][3]
        authors[i] = posts > 0 and math.min(posts, count_authors(i)) or 0
    end
else
    for number in string.gmatch(old[1], '%d+') do authors[#authors + 1] = tonumber(number) end
end

local out = {'end', format('%.0f', end_ms), 'authors', table.concat(authors, ' ')}
for i = 1, 5 do
    local v = sums[i]
    local n, mean, deviation = estimate(v, unit)
    local start, stop = bounds(i)
    local function share(x) return n > 0 and format('%.6f', x / n) or 'null' end
    out[#out + 1] = WINDOWS[i][1]
    out[#out + 1] = format(
        '{"start_ms":%.0f,"end_ms":%.0f,"count":%.0f,"negative":%.0f,"neutral":%.0f,"positive":%.0f,'
        .. '"negative_share":%s,"neutral_share":%s,"positive_share":%s,'
        .. '"mean_score":%s,"standard_error":%s,"sum":%.0f,"squares":%.0f,'
        .. '"late":%.0f,"reposts":%.0f,"repost_share":%s,"images":%.0f,"authors":%.0f}',
        start, stop, n, v[1], v[2], v[3], share(v[1]), share(v[2]), share(v[3]),
        mean, deviation, v[4], v[5], v[6], v[7], share(v[7]), v[8], authors[i])
    out[#out + 1] = 'top:' .. WINDOWS[i][1]
    out[#out + 1] = refresh and top_posts(i) or old[i + 1] or '[]'
end
if write then
    call('HSET', key, unpack(out))
    call('PEXPIRE', key, ARGV[6])
end
return out
