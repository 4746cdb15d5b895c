package redis

import (
	"fmt"

	"ccsfs/internal/pool"
	"github.com/gomodule/redigo/redis"
)

// scripts are what must happen at once. Whatever they write they write after all that may
// fail, and each names its keys, so that they are right in a server that replicates.
type scripts struct {
	turn, slow, pace        *redis.Script
	acquire, renew, release *redis.Script
	drop, set, all          *redis.Script
	tell, news              *redis.Script
}

// newScripts makes the scripts, with what reads their clock.
func newScripts(clock string) scripts {
	rate := bounds() + clock + textLua + rateLua
	table := bounds() + clock + textLua + tableLua
	return scripts{
		turn:    redis.NewScript(len(rateKeys()), rate+turnLua),
		slow:    redis.NewScript(len(rateKeys()), rate+slowLua),
		pace:    redis.NewScript(len(rateKeys()), rate+paceLua),
		acquire: redis.NewScript(len(leaseKeys()), table+leaseLua+acquireLua),
		renew:   redis.NewScript(len(leaseKeys()), table+leaseLua+renewLua),
		release: redis.NewScript(len(leaseKeys()), table+leaseLua+releaseLua),
		drop:    redis.NewScript(len(leaseKeys()), table+dropLua),
		set:     redis.NewScript(len(leaseKeys()), table+setLua),
		all:     redis.NewScript(len(leaseKeys()), table+allLua),
		tell:    redis.NewScript(len(newsKeys()), bounds()+newsLua+tellLua),
		news:    redis.NewScript(len(newsKeys()), bounds()+newsLua+afterLua),
	}
}

// bounds are the constants of the scripts, in microseconds where they are times.
func bounds() string {
	return fmt.Sprintf(`
local SLOW_FOR, SLOW_MOST, SLOW_UNLIMITED = %d, %d, %d
local PAUSE_MOST, FORGOTTEN_PAUSE, AHEAD_MOST = %d, %d, %d
local KEEP_MS, NEWS_MOST, NEWS_AT_ONCE = %d, %d, %d
`, pool.SlowFor.Microseconds(), pool.SlowMost, pool.SlowUnlimited.Microseconds(),
		pool.PauseMost.Microseconds(), pool.ForgottenPause.Microseconds(), pool.AheadMost.Microseconds(),
		keep.Milliseconds(), pool.NewsMost, pool.NewsAtOnce)
}

// clockLua reads the clock, in microseconds since 1970: a double holds them exactly until
// the year 2255.
const clockLua = `
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
`

// textLua writes a number in all digits, which tostring of Lua 5.1 does not.
const textLua = `
local function text(n) return string.format('%.0f', n) end
`

// rateLua is the type rate of pool/memory, line by line. KEYS[1] is its hash.
const rateLua = `
local function fresh(burst, every)
  local paused = now + FORGOTTEN_PAUSE
  return {tat = paused + (burst - 1) * every, paused = paused, slowed = 0, recover = 0, halved = 0, seen = now}
end
local function load()
  local f = redis.call('HMGET', KEYS[1], 'tat', 'paused', 'slowed', 'recover', 'halved', 'seen')
  local s = {tat = tonumber(f[1] or ''), paused = tonumber(f[2] or ''), slowed = tonumber(f[3] or ''),
    recover = tonumber(f[4] or ''), halved = tonumber(f[5] or ''), seen = tonumber(f[6] or '')}
  if not (s.tat and s.paused and s.slowed and s.recover and s.halved and s.seen) then return nil end
  local back = s.seen - now
  if back > 0 then
    s.tat = s.tat - back
    s.paused = s.paused - back
    s.slowed = s.slowed - back
    s.recover = s.recover - back
  end
  s.seen = now
  s.paused = math.min(s.paused, now + PAUSE_MOST)
  s.slowed = math.min(s.slowed, now)
  s.recover = math.min(s.recover, now + PAUSE_MOST + SLOW_FOR)
  s.halved = math.min(math.max(s.halved, 0), SLOW_MOST)
  while s.halved > 0 and now >= s.recover do
    s.halved = s.halved - 1
    s.recover = s.recover + SLOW_FOR
  end
  return s
end
local function save(s)
  redis.call('HSET', KEYS[1], 'tat', text(s.tat), 'paused', text(s.paused), 'slowed', text(s.slowed),
    'recover', text(s.recover), 'halved', text(s.halved), 'seen', text(s.seen))
  redis.call('PEXPIRE', KEYS[1], KEEP_MS)
end
`

// turnLua takes the interval and the burst of the rate, and how long a wait may be, and
// returns the wait and whether the turn was taken.
const turnLua = `
local every, burst, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local s = load() or fresh(burst, every)
if every == 0 and s.halved > 0 then every = SLOW_UNLIMITED end
every = every * 2 ^ s.halved
local early = (burst - 1) * every
s.tat = math.min(s.tat, now + math.max(AHEAD_MOST, every) + early)
local due = math.max(now, s.paused)
if every > 0 then due = math.max(due, s.tat - early) end
local wait, taken = due - now, 0
if wait <= math.min(most, math.max(AHEAD_MOST - every, 0)) then
  taken = 1
  if every > 0 then s.tat = math.max(s.tat, due) + every end
end
save(s)
return {wait, taken}
`

// slowLua takes how long ago what was refused was sent, and the pause.
const slowLua = `
local sent, pause = tonumber(ARGV[1]), tonumber(ARGV[2])
local s = load() or fresh(1, 0)
s.paused = math.max(s.paused, now + pause)
s.recover = s.paused + SLOW_FOR
if s.halved == 0 or now - sent >= s.slowed then
  s.slowed = now
  s.halved = math.min(s.halved + 1, SLOW_MOST)
end
save(s)
return 1
`

const paceLua = `
local s = load() or fresh(1, 0)
local tat = math.min(s.tat, now + AHEAD_MOST)
return {math.max(now, s.paused, tat) - now, math.max(now, s.paused) - now, s.halved}
`

// tableLua is values that are there for a time: KEYS[1] is the hash of them by name,
// KEYS[2] until when, by name, which is cleared of what is over a bit at each change. One
// key for each would have to be looked for among all keys of the server.
const tableLua = `
local function get(name)
  local ends = tonumber(redis.call('ZSCORE', KEYS[2], name) or '')
  if ends and ends > now then return redis.call('HGET', KEYS[1], name) end
  return false
end
local function put(name, value, ttl)
  redis.call('HSET', KEYS[1], name, value)
  redis.call('ZADD', KEYS[2], text(now + ttl), name)
  redis.call('PEXPIRE', KEYS[1], text(math.max(KEEP_MS, ttl / 1000)))
  redis.call('PEXPIRE', KEYS[2], text(math.max(KEEP_MS, ttl / 1000)))
  for _, over in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now), 'LIMIT', 0, 10)) do
    redis.call('HDEL', KEYS[1], over)
    redis.call('ZREM', KEYS[2], over)
  end
end
local function remove(name)
  redis.call('HDEL', KEYS[1], name)
  redis.call('ZREM', KEYS[2], name)
end
`

// leaseLua reads a lease, which is a value: its holder, and the number of the last of its tries
// that was given it.
const leaseLua = `
local function lease(name)
  local value = get(name)
  if not value then return false, 0 end
  local by, try = string.match(value, '^(.*) (%d+)$')
  return by or value, tonumber(try or '0')
end
`

// acquireLua takes the number of this try, too.
const acquireLua = `
local by, try = lease(ARGV[1])
if by and by ~= ARGV[2] then return by end
put(ARGV[1], ARGV[2] .. ' ' .. text(math.max(try, tonumber(ARGV[4]))), tonumber(ARGV[3]))
return ARGV[2]
`

const renewLua = `
local by = lease(ARGV[1])
if by ~= ARGV[2] then return 0 end
put(ARGV[1], get(ARGV[1]), tonumber(ARGV[3]))
return 1
`

// dropLua removes a value by name, and releaseLua a lease of a holder; with ARGV[3] only if no
// later try of his was given it.
const (
	dropLua = `
remove(ARGV[1])
return 1
`
	releaseLua = `
local by, try = lease(ARGV[1])
if by == ARGV[2] and (not ARGV[3] or try <= tonumber(ARGV[3])) then remove(ARGV[1]) end
return 1
`
)

// setLua tells how many values there are then.
const setLua = `
put(ARGV[1], ARGV[2], tonumber(ARGV[3]))
return redis.call('ZCOUNT', KEYS[2], '(' .. text(now), '+inf')
`

// allLua returns all names and values, and the names of those that are over. It changes
// nothing, and looks at nothing one by one: there may be ten thousand.
const allLua = `
return {redis.call('HGETALL', KEYS[1]), redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now))}
`

// newsLua is the news, as a stream of entries that each have a mark of their own. A place is
// the id and the mark of one that is there: ids alone come again in another stream, where the
// clock went back.
const newsLua = `
local function add(...)
  local id = redis.call('XADD', KEYS[1], 'MAXLEN', NEWS_MOST, '*', ...)
  redis.call('PEXPIRE', KEYS[1], KEEP_MS)
  return id
end
`

const tellLua = `
add('m', ARGV[1], 'n', ARGV[2])
return 1
`

// afterLua takes a new mark, and the id and mark of a place, which are empty for the end, and
// returns 1 if the place is not there any more, the place of the last entry that is told, and
// what is told.
const afterLua = `
local function last()
  local e = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
  if e then return e[1] .. '.' .. e[2][2] end
  return add('m', ARGV[1]) .. '.' .. ARGV[1]
end
local id, mark = ARGV[2], ARGV[3]
if id == '' then return {0, last()} end
local told = redis.call('XRANGE', KEYS[1], id, '+', 'COUNT', NEWS_AT_ONCE + 1)
if not told[1] or told[1][1] ~= id or told[1][2][2] ~= mark then return {1, last()} end
local answer = {0, told[#told][1] .. '.' .. told[#told][2][2]}
for i = 2, #told do
  if told[i][2][4] then answer[#answer + 1] = told[i][2][4] end
end
return answer
`
