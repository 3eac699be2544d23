"""
What Redis does for the limiter: one script that takes everything gathered in one pass of the event loop.

Of each key there is one hash, and of each organization another. `r`, `t` and `d` are levels (requests,
tokens, early disconnects) that run dry at the rate of their limits, `at` is when they were last brought up to
date, `b` until when the key is barred (all times in milliseconds on Redis' clock). `g:<gateway>` is
`count:until`: how many requests run at one gateway, who says so anew every second. What a gateway said and
did not repeat is not counted, so that one that was killed holds nothing; nothing is added up, so that no
count can drift. Every hash expires.
"""

# In: one msgpack array [gateway, lease_ms, disconnects_max, bar_ms, groups]; a group is [key's hash,
# organization's hash, requests a minute, tokens a minute, the key's and the organization's concurrent
# requests, how many run here of the key and of the organization, tokens to add, early disconnects to add,
# [costs]].
# A cost is the tokens of one request; -1 is one that only reads and takes neither tokens nor a place.
# Out: for each cost, in order: verdict, level of requests, level of tokens, milliseconds until it could pass.
SCRIPT = """
local minute, keep = 60000, 180000
local me, lease, disconnects_max, bar, groups = unpack(cmsgpack.unpack(ARGV[1]))
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local mine_field, mine_until = 'g:' .. me, now + lease

local function read(name)
    local row, others, dead = {}, 0, {}
    local flat = redis.call('HGETALL', name)
    for i = 1, #flat, 2 do
        local field, value = flat[i], flat[i + 1]
        if string.sub(field, 1, 2) ~= 'g:' then
            row[field] = tonumber(value)
        elseif field ~= mine_field then
            local count, ends = string.match(value, '^(%d+):(%d+)$')
            if count and tonumber(ends) > now then
                others = others + count
            else
                dead[#dead + 1] = field
            end
        end
    end
    if #dead > 0 then redis.call('HDEL', name, unpack(dead)) end
    row.others = others
    return row
end

local function write_count(name, count)
    if count > 0 then
        redis.call('HSET', name, mine_field, string.format('%d:%d', count, mine_until))
    else
        redis.call('HDEL', name, mine_field)
    end
end

local function clamp(level, most) return math.max(0, math.min(level, most)) end

local out, organizations = {}, {}

local function judge(key, organization, limits, cost)
    local requests, tokens, of_key, of_organization = unpack(limits)
    if cost >= 0 and key.b > now then return 'disconnects', key.b - now end
    if key.r + 1 > requests then return 'requests', (key.r + 1 - requests) * minute / requests end
    if cost > 0 and key.t + cost > tokens then return 'tokens', (key.t + cost - tokens) * minute / tokens end
    if cost >= 0 and key.others + key.mine >= of_key then return 'key', 0 end
    if cost >= 0 and organization.others + organization.mine >= of_organization then
        return 'organization', 0
    end
    return 'ok', 0
end

for _, group in ipairs(groups) do
    local key_name, organization_name, requests, tokens, of_key, of_organization,
        key_mine, organization_mine, more_tokens, more_disconnects, costs = unpack(group)
    local organization = organizations[organization_name]
    if not organization then
        organization = read(organization_name)
        organization.mine = organization_mine
        organizations[organization_name] = organization
    end
    local key = read(key_name)
    key.mine = key_mine
    local elapsed = math.max(0, now - (key.at or now))
    key.r = clamp((key.r or 0) - elapsed * requests / minute, requests)
    -- A bad estimate makes nobody wait for more than another minute.
    key.t = clamp((key.t or 0) - elapsed * tokens / minute + more_tokens, 2 * tokens)
    key.b = math.min(key.b or 0, now + bar)
    local d = clamp((key.d or 0) - elapsed * disconnects_max / minute + more_disconnects, disconnects_max)
    -- It has drained a little since the ones before.
    if more_disconnects > 0 and d > disconnects_max - 1 then
        key.b, d = now + bar, 0
    end
    local limits = {requests, tokens, of_key, of_organization}
    for _, cost in ipairs(costs) do
        local verdict, wait = judge(key, organization, limits, cost)
        if verdict == 'ok' then
            key.r = key.r + 1
            if cost >= 0 then
                key.t = key.t + cost
                key.mine, organization.mine = key.mine + 1, organization.mine + 1
            end
        end
        local n = #out
        out[n + 1], out[n + 2], out[n + 3], out[n + 4] = verdict, key.r, key.t, math.ceil(wait)
    end
    redis.call('HSET', key_name, 'at', now, 'r', tostring(key.r), 't', tostring(key.t))
    if d > 0 or key.d then redis.call('HSET', key_name, 'd', tostring(d)) end
    if key.b > now then redis.call('HSET', key_name, 'b', key.b) end
    write_count(key_name, key.mine)
    redis.call('PEXPIRE', key_name, math.max(keep, key.b - now))
end
for name, organization in pairs(organizations) do
    write_count(name, organization.mine)
    redis.call('PEXPIRE', name, keep)
end
return cmsgpack.pack(out)
"""
