-- What wrk asks, and one JSON line at the end.
-- Arguments behind "--": body=FILE type=MEDIA pipeline=N browser=1 cookies=FILE connection=keep-alive|close
local BROWSER = {
  ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
  ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  ["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.8",
  ["Accept-Encoding"] = "gzip, deflate, br, zstd",
  ["Cache-Control"] = "max-age=0",
  ["Upgrade-Insecure-Requests"] = "1",
  ["Sec-Fetch-Site"] = "same-origin",
  ["Sec-Fetch-Mode"] = "navigate",
  ["Referer"] = "http://127.0.0.1/some/page/index.html?from=home",
  ["Cookie"] = "sessionid=8f1d0c7e2b5a4f6c9d3e; theme=dark; consent=necessary; last=1712345678",
}

-- One request for each visitor, made once; they come in turn.
local function take_turns(path)
  local requests, next_one = {}, 0
  for cookie in io.lines(path) do
    wrk.headers["Cookie"] = cookie
    requests[#requests + 1] = wrk.format()
  end
  request = function()
    next_one = next_one % #requests + 1
    return requests[next_one]
  end
end

function init(arguments)
  local given = {}
  for _, argument in ipairs(arguments) do
    local name, value = argument:match("^(%w+)=(.*)$")
    if name then given[name] = value end
  end
  if given.browser then
    for name, value in pairs(BROWSER) do wrk.headers[name] = value end
  end
  if given.connection then wrk.headers["Connection"] = given.connection end
  if given.body then
    local file = io.open(given.body, "rb")
    wrk.body = file:read("*a")
    file:close()
    wrk.method = "POST"
    wrk.headers["Content-Type"] = given.type
  end
  if given.cookies then
    take_turns(given.cookies)
  end
  if given.pipeline then
    local format, times = wrk.format, tonumber(given.pipeline)
    wrk.format = function(...) return string.rep(format(...), times) end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n@@{"requests":%d,"seconds":%.6f,"errors":%d,"ended":%d,"p50":%.1f,"p99":%.1f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.write + errors.timeout + errors.status,
    errors.read,
    latency:percentile(50), latency:percentile(99)))
end
