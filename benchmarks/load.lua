-- Requests from a file, for wrk. Each record of it is a length in a line of its own, and so many bytes: a whole request.
--
-- BENCH_REQUESTS  the file
-- BENCH_ONCE      1: each record is sent once (a webhook); else they are sent over and over
-- BENCH_PORTS     the servers' ports; each thread has one of them
-- BENCH_THREADS   how many threads there are
-- BENCH_PAUSE_MS  each connection waits so long before each request
-- BENCH_DRAIN     1: when all records are sent, wait for their answers and say "finished"

local path = os.getenv("BENCH_REQUESTS")
local once = os.getenv("BENCH_ONCE") == "1"
local drain = os.getenv("BENCH_DRAIN") == "1"
local pause = tonumber(os.getenv("BENCH_PAUSE_MS") or "0")
local stride = tonumber(os.getenv("BENCH_THREADS") or "1")
local ports = {}
for port in string.gmatch(os.getenv("BENCH_PORTS") or "", "%d+") do
  table.insert(ports, port)
end

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
  thread.addr = wrk.lookup("127.0.0.1", ports[(#threads - 1) % #ports + 1])[1]
end

local file, records, position, upcoming
local tried, clock

local function read()
  local length = file:read("*l")
  if length == nil then
    return nil
  end
  return file:read(tonumber(length))
end

-- Every thread has records of its own: every so-many-th, beginning with its number.
local function advance(skipped)
  for _ = 1, skipped do
    if read() == nil then
      return nil
    end
  end
  return read()
end

function init(_)
  sent, answered, refused, exhausted, first_at, last_at = 0, 0, 0, 0, 0, 0
  file = assert(io.open(path, "rb"))
  if once then
    upcoming = advance(number - 1)
  else
    records, position = {}, number
    local record = read()
    while record do
      table.insert(records, record)
      record = read()
    end
  end
  if drain then
    local ffi = require("ffi")
    ffi.cdef("typedef struct { long seconds; long nanoseconds; } moment; int clock_gettime(int, moment *);")
    local moment = ffi.new("moment[1]")
    clock = function()
      ffi.C.clock_gettime(0, moment)
      return tonumber(moment[0].seconds) + tonumber(moment[0].nanoseconds) / 1e9
    end
  end
end

function request()
  if not once then
    position = position % #records + 1
    return records[position]
  end
  local record = upcoming
  if number == 1 and not tried then
    tried = true -- wrk looks at one request of the first thread's before it begins, and sends it to nobody
    return record
  end
  if record == nil then
    exhausted = exhausted + 1
    return "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
  end
  upcoming = advance(stride - 1)
  sent = sent + 1
  if drain and sent == 1 then
    first_at = clock()
  end
  return record
end

if pause > 0 then
  function delay()
    return pause
  end
end

if drain then
  local for_ever = 3600000
  function delay()
    return upcoming == nil and for_ever or 0
  end
  function response(status)
    answered = answered + 1
    last_at = clock()
    if status ~= 200 then
      refused = refused + 1
    end
    if upcoming == nil and answered == sent + exhausted then -- those that found no record were answered, too
      io.stdout:write("finished\n")
      io.stdout:flush()
    end
  end
end

function done(summary, latency, _)
  local errors = summary.errors
  local ended, began, done_all, all_refused, all_answered = 0, 0, 0, 0, 0
  for _, thread in ipairs(threads) do
    done_all = done_all + thread:get("exhausted")
    all_refused = all_refused + thread:get("refused")
    if drain then
      all_answered = all_answered + thread:get("answered") - thread:get("exhausted")
    end
    began = thread:get("first_at")
    ended = math.max(ended, thread:get("last_at"))
  end
  io.stdout:write(string.format(
    'RESULT {"requests":%d,"seconds":%.6f,"p50_ms":%.4f,"p99_ms":%.4f,"errors":%d,"exhausted":%d,'
      .. '"answered":%d,"refused":%d,"drained_seconds":%.6f}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, done_all,
    all_answered, all_refused, ended - began))
end
