-- The registry of a server's numbered databases, and every change to it. Redis runs this alone and writes its effects to
-- the log as one transaction: whoever is killed, a change is there as a whole or not at all.
--
-- The hash `seedbed` in database 0 has a record, as JSON, for each number in use:
--   {role='database', name}                  a database of the user, at its own number
--   {role='kept', owner, state, id}          a kept state of the database with the number `owner`
--   {role='spare', owner, of}                a copy of the kept state with the id `of`
--   {role='making', owner, of, run, client}  a copy or a load under way by that client of that run of the server
--
-- Arguments: what to do, the number of the database, and what each operation below says. A result that begins with `!` is
-- a failure.
local REGISTRY, IDS, FIRST, LAST, BATCH = 'seedbed', 'seedbed:ids', 1000, 1999, 1000
local operation, owner = ARGV[1], tonumber(ARGV[2])
local NO_STATE, NO_DATABASE, NO_NUMBER = '!unknown state ', '!missing', '!all numbers are in use'

local function records()
  redis.call('SELECT', 0)
  local found, flat = {}, redis.call('HGETALL', REGISTRY)
  for i = 1, #flat, 2 do
    found[tonumber(flat[i])] = cjson.decode(flat[i + 1])
  end
  return found
end

local function write(number, record)
  redis.call('SELECT', 0)
  redis.call('HSET', REGISTRY, number, cjson.encode(record))
end

local function erase(number)
  redis.call('SELECT', 0)
  redis.call('HDEL', REGISTRY, number)
end

-- Empties a number in no time: the server frees the memory beside its work.
local function flush(number)
  redis.call('SELECT', number)
  redis.call('FLUSHDB', 'ASYNC')
end

local function drop(number)
  flush(number)
  erase(number)
end

local function new_id()
  redis.call('SELECT', 0)
  return redis.call('INCR', IDS)
end

-- Finds a number without a record and without content.
local function free()
  local taken = records()
  for number = FIRST, LAST do
    if not taken[number] then
      redis.call('SELECT', number)
      if redis.call('DBSIZE') == 0 then
        return number
      end
    end
  end
end

-- Finds the number and the record of the first record with these values.
local function find(wanted)
  for number, record in pairs(records()) do
    local fits = record.owner == owner
    for name, value in pairs(wanted) do
      fits = fits and record[name] == value
    end
    if fits then
      return number, record
    end
  end
end

local function drop_spares(id)
  local number = find({ role = 'spare', of = id })
  while number do
    drop(number)
    number = find({ role = 'spare', of = id })
  end
end

local function forget(state)
  local number, record = find({ role = 'kept', state = state })
  if number then
    drop(number)
    drop_spares(record.id)
  end
end

local function keep(number, state)
  forget(state)
  write(number, { role = 'kept', owner = owner, state = state, id = new_id() })
end

local function exists()
  return records()[owner] ~= nil
end

-- Puts the content at a number in the place of the database's own, which is kept under the name `aside`, or removed.
local function swap_in(number, aside)
  local existed = exists()
  redis.call('SWAPDB', owner, number)
  erase(number)
  if existed and aside ~= '' then
    keep(number, aside)
  else
    flush(number)
  end
end

local function register(name)
  write(owner, { role = 'database', name = name })
end

-- Copies some keys, with the moments at which they expire; returns the cursor for the next ones.
local function copy(from, to, cursor)
  redis.call('SELECT', from)
  local page = redis.call('SCAN', cursor, 'COUNT', BATCH)
  for _, key in ipairs(page[2]) do
    local copied = redis.pcall('COPY', key, key, 'DB', to)
    if type(copied) == 'table' and copied.err then
      return '!' .. copied.err
    end
  end
  return page[1]
end

local operations = {}

-- Arguments: the name.
function operations.create(name)
  if not exists() then
    flush(owner)
    register(name)
  end
end

-- Arguments: the name, and what the old content is kept under.
function operations.clear(name, aside)
  if aside ~= '' and exists() then
    local number = free()
    if not number then
      return NO_NUMBER
    end
    swap_in(number, aside)
  else
    flush(owner)
  end
  register(name)
end

function operations.destroy()
  for number, record in pairs(records()) do
    if record.owner == owner then
      drop(number)
    end
  end
  drop(owner)
end

-- Arguments: the state. Copies all at once, so that the copy is of one moment.
function operations.keep(state)
  if not exists() then
    return NO_DATABASE
  end
  local number = free()
  if not number then
    return NO_NUMBER
  end
  local cursor = '0'
  repeat
    cursor = copy(owner, number, cursor)
  until cursor == '0' or cursor:sub(1, 1) == '!'
  if cursor ~= '0' then
    flush(number)
    return cursor
  end
  keep(number, state)
end

-- Arguments: the new state and the state whose name it takes.
function operations.rename(from, to)
  local number, record = find({ role = 'kept', state = from })
  if not number then
    return NO_STATE .. from
  end
  if from ~= to then
    forget(to)
    record.state = to
    write(number, record)
  end
end

operations.forget = forget

-- Arguments: the name, the state, and what the old content is kept under. Returns `no spare` when there is none.
function operations.reset(name, state, aside)
  local _, kept = find({ role = 'kept', state = state })
  if not kept then
    return NO_STATE .. state
  end
  local spare = find({ role = 'spare', of = kept.id })
  if not spare then
    return 'no spare'
  end
  swap_in(spare, aside)
  register(name)
end

-- Arguments: the name, the state, and what the old content is kept under.
function operations.take(name, state, aside)
  local number, record = find({ role = 'kept', state = state })
  if not number then
    return NO_STATE .. state
  end
  drop_spares(record.id)
  swap_in(number, aside)
  register(name)
end

-- Arguments: the run and the client, and the state to be copied, if any. Returns the number, or `ready` when there is a spare.
function operations.begin(run, client, state)
  local of
  if state ~= '' then
    local _, kept = find({ role = 'kept', state = state })
    if not kept then
      return NO_STATE .. state
    end
    of = kept.id
    if find({ role = 'spare', of = of }) then
      return 'ready'
    end
  end
  local number = free()
  if not number then
    return NO_NUMBER
  end
  write(number, { role = 'making', owner = owner, of = of, run = run, client = client })
  return tostring(number)
end

-- Arguments: the number that is being made, and the cursor. Returns the next cursor, or `gone` when the state is.
function operations.copy(number, cursor)
  number = tonumber(number)
  local from = find({ role = 'kept', id = records()[number].of })
  return from and copy(from, number, cursor) or 'gone'
end

-- Arguments: the number that was made. It becomes a spare, if there is none.
function operations.finish_spare(number)
  number = tonumber(number)
  local of = records()[number].of
  if find({ role = 'kept', id = of }) and not find({ role = 'spare', of = of }) then
    write(number, { role = 'spare', owner = owner, of = of })
  else
    drop(number)
  end
end

-- Arguments: the number that was made, and the state that it becomes.
function operations.finish_load(number, state)
  number = tonumber(number)
  erase(number)
  keep(number, state)
end

-- Arguments: a number that was being made, its run and its client.
function operations.abandon(number, run, client)
  number = tonumber(number)
  local record = records()[number]
  if record and record.role == 'making' and record.run == run and record.client == client then
    drop(number)
  end
end

return operations[operation](unpack(ARGV, 3)) or 'done'
