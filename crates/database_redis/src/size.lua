-- Estimates the memory that the keys of a number take, from some of them.
local SAMPLE = 500
redis.call('SELECT', ARGV[1])
local keys, sum = redis.call('SCAN', '0', 'COUNT', SAMPLE)[2], 0
for _, key in ipairs(keys) do
  sum = sum + (redis.call('MEMORY', 'USAGE', key) or 0)
end
return #keys == 0 and 0 or math.ceil(sum / #keys * redis.call('DBSIZE'))
