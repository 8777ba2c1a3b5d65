-- Counts one topic's records, each at most once, in one atomic step.
--
-- KEYS[1]  the topic's `at` hash; its name less "at" starts every key of the topic
-- ARGV[1]  MessagePack array:
--   1 place      "epoch:partition" of the scores stream
--   2 records    array of {offset, id, created_ms, label, score, flags, author}
--                flags: 1 late, 2 too late, 4 repost, 8 image, 16 unseen language,
--                32 no 10 s pane, 64 no 1 min pane, 128 no 1 h pane
--   3 documents  map of record index to the post as JSON
--   4 slices     array of {key suffix, limit, {field, record index, field, record index, ...}}:
--                who may be among the slice's greatest
--   5 expiries   array of {key suffix, ttl_ms}: what this worker touches for the first time
-- Returns the indices (from 1) of the records that were counted.
--
-- Sums stay below 2^53 in a pane; totals grow by HINCRBY, which has 64 bits.

local at_key = KEYS[1]
local prefix = string.sub(at_key, 1, -3)
local place, records, documents, slices, expiries = unpack(cmsgpack.unpack(ARGV[1]))
local call = redis.call
local floor, band = math.floor, bit.band

local WIDTHS = {{'10s:', 10000, 32}, {'1m:', 60000, 64}, {'1h:', 3600000, 128}}

local applied = call('HGET', at_key, place)
if not applied then
    -- A stream made anew: what was known of its former self says nothing any more.
    local epoch = string.match(place, '^(.*):')
    for _, field in ipairs(call('HKEYS', at_key)) do
        if string.match(field, '^(.*):') ~= epoch then call('HDEL', at_key, field) end
    end
end
applied = tonumber(applied or -1)
local newest_offset = applied

-- neg neu pos sum squares late reposts images duplicates too_late unseen
local total = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
local panes, authors, counted, is_counted = {}, {}, {}, {}
local first_post, last_post

local function add(vector, label, score, flags)
    vector[label + 1] = vector[label + 1] + 1
    vector[4] = vector[4] + score
    vector[5] = vector[5] + score * score
    if band(flags, 1) ~= 0 then vector[6] = vector[6] + 1 end
    if band(flags, 4) ~= 0 then vector[7] = vector[7] + 1 end
    if band(flags, 8) ~= 0 then vector[8] = vector[8] + 1 end
end

local function count(index, created, label, score, flags, author)
    counted[#counted + 1] = index
    is_counted[index] = true
    add(total, label, score, flags)
    if band(flags, 16) ~= 0 then total[11] = total[11] + 1 end
    if not first_post or created < first_post then first_post = created end
    if not last_post or created > last_post then last_post = created end
    for i = 1, 3 do
        local name, width, mask = WIDTHS[i][1], WIDTHS[i][2], WIDTHS[i][3]
        if band(flags, mask) == 0 then
            local pane = floor(created / width)
            local key = name .. pane
            local entry = panes[key]
            if not entry then
                entry = {name .. floor(pane / 60), pane % 60, {0, 0, 0, 0, 0, 0, 0, 0}}
                panes[key] = entry
            end
            add(entry[3], label, score, flags)
        end
    end
    if author ~= '' then
        for _, key in ipairs({'authors', 'authors:10s:' .. floor(created / 10000),
                              'authors:1m:' .. floor(created / 60000),
                              'authors:1h:' .. floor(created / 3600000)}) do
            local list = authors[key]
            if not list then list = {} authors[key] = list end
            list[#list + 1] = author
        end
    end
end

for index, record in ipairs(records) do
    local offset, id, created, label, score, flags, author = unpack(record)
    if offset > newest_offset then
        newest_offset = offset
        if band(flags, 2) ~= 0 then
            total[10] = total[10] + 1
        elseif call('SADD', prefix .. 'ids:' .. floor(created / 3600000), id) == 0 then
            total[9] = total[9] + 1
        else
            count(index, created, label, score, flags, author)
        end
    end
end

if newest_offset == applied then return counted end
call('HSET', at_key, place, string.format('%.0f', newest_offset))

local PATTERN = '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$'
for _, entry in pairs(panes) do
    local key, field, v = prefix .. entry[1], entry[2], entry[3]
    local old = call('HGET', key, field)
    if old then
        local a, b, c, d, e, f, g, h = string.match(old, PATTERN)
        v = {v[1] + a, v[2] + b, v[3] + c, v[4] + d, v[5] + e, v[6] + f, v[7] + g, v[8] + h}
    end
    call('HSET', key, field,
        string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f', unpack(v)))
end

local NAMES = {'negative', 'neutral', 'positive', 'sum', 'squares', 'late', 'reposts', 'images',
               'duplicates', 'too_late', 'unseen_language'}
local totals_key = prefix .. 'totals'
for i, name in ipairs(NAMES) do
    if total[i] ~= 0 then
        call('HINCRBY', totals_key, name, string.format('%.0f', total[i]))
    end
end
if first_post then
    local seen = call('HMGET', totals_key, 'first_post', 'last_post')
    if not seen[1] or first_post < tonumber(seen[1]) then
        call('HSET', totals_key, 'first_post', string.format('%.0f', first_post))
    end
    if not seen[2] or last_post > tonumber(seen[2]) then
        call('HSET', totals_key, 'last_post', string.format('%.0f', last_post))
    end
end

for key, list in pairs(authors) do call('PFADD', prefix .. key, unpack(list)) end

-- A slice keeps the `limit` greatest fields; a field is "weight:created:id" or
-- "rank:created:id", so that which posts stay does not depend on the order in which they came.
for _, slice in ipairs(slices) do
    local suffix, limit, named = unpack(slice)
    local key, index_of, held = prefix .. suffix, {}, nil
    for i = 1, #named, 2 do
        if is_counted[named[i + 1]] then
            held = held or call('HKEYS', key)
            held[#held + 1] = named[i]
            index_of[named[i]] = named[i + 1]
        end
    end
    if held then
        table.sort(held)
        local lost, won = {}, {}
        for i, field in ipairs(held) do
            local index = index_of[field]
            if i > #held - limit then
                if index then won[#won + 1] = field won[#won + 1] = documents[index] end
            elseif not index then
                lost[#lost + 1] = field
            end
        end
        if #lost > 0 then call('HDEL', key, unpack(lost)) end
        if #won > 0 then call('HSET', key, unpack(won)) end
    end
end

for _, expiry in ipairs(expiries) do
    call('PEXPIRE', prefix .. expiry[1], string.format('%.0f', expiry[2]))
end
return counted
