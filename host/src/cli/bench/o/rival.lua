-- The programs of `okernel bench o` for Lua. A line on stdin names one; the answer is the
-- nanoseconds that it took and a number that its result is checked by. Positions count from 1.
local N = 1000000
local v, w, m, e, u = {}, {}, {}, {}, {}
for i = 1, N do
  local x = i - 1
  v[i], w[i] = x, x * (x * x + 7919) % 1000003
  m[i], e[i] = w[i] % 100, w[i] % 1000 * 0.5
end
for i = 1, 1000 do u[i] = i end

local function fib(x)
  if x < 2 then return x end
  return fib(x - 1) + fib(x - 2)
end

local function ack(x, y)
  if x == 0 then return y + 1 end
  if y == 0 then return ack(x - 1, 1) end
  return ack(x - 1, ack(x, y - 1))
end

local function itself(r) return r end

local function total(list)
  local sum = 0
  for i = 1, #list do sum = sum + list[i] end
  return sum
end

local programs = {
  fib = {function() return fib(25) end, itself},
  ack = {function() return ack(3, 6) end, itself},
  ["repeat"] = {function()
    local x, f = 0, function(x) return x + 1 end
    for _ = 1, N do x = f(x) end
    return x
  end, itself},
  ["while"] = {function()
    local x, f, p = 0, function(x) return x + 1 end, function(x) return x < N end
    while p(x) do x = f(x) end
    return x
  end, itself},
  sum = {function() return total(w) end, itself},
  add = {function()
    local r = {}
    for i = 1, N do r[i] = v[i] + w[i] end
    return r
  end, total},
  multiply = {function()
    local r = {}
    for i = 1, N do r[i] = v[i] * w[i] end
    return r
  end, total},
  squares = {function()
    local sum = 0.0
    for i = 1, N do sum = sum + e[i] * e[i] end
    return sum
  end, function(r) return math.tointeger(4 * r) end},
  grade = {function()
    local r = {}
    for i = 1, N do r[i] = i end
    table.sort(r, function(a, b) return w[a] < w[b] or w[a] == w[b] and a < b end)
    return r
  end, function(r)
    local sum = 0
    for i = 1, N do sum = sum + v[i] * (r[i] - 1) end
    return sum
  end},
  unique = {function()
    local r, seen = {}, {}
    for i = 1, N do
      local x = m[i]
      if not seen[x] then
        seen[x] = true
        r[#r + 1] = x
      end
    end
    return r
  end, function(r)
    local sum = 0
    for i = 1, #r do sum = sum + i * r[i] end
    return sum
  end},
  group = {function()
    local r, groups = {}, {}
    for i = 1, N do
      local x = m[i]
      local places = groups[x]
      if not places then
        places = {}
        groups[x] = places
        r[#r + 1] = places
      end
      places[#places + 1] = i - 1
    end
    return r
  end, function(r)
    local sum = 0
    for i = 1, #r do sum = sum + i * total(r[i]) end
    return sum
  end},
  table = {function()
    local r = {}
    for i = 1, #u do
      local row, x = {}, u[i]
      for j = 1, #u do row[j] = u[j] % x end
      r[i] = row
    end
    return r
  end, function(r)
    local sum = 0
    for i = 1, #r do sum = sum + total(r[i]) end
    return sum
  end},
}

io.stdout:setvbuf("line")
print(_VERSION)
for line in io.lines() do
  local run, check = programs[line][1], programs[line][2]
  local began = os.clock()
  local result = run()
  local took = os.clock() - began
  print(math.floor(took * 1e9), check(result))
end
