-- Repeats a list of requests. Argument: a file whose lines are path and body, with a space between. The rest is in post.lua.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
dofile(here .. "post.lua")

local requests, next_request = {}, 0

function init(arguments)
  local known, headers = {}, {["content-type"] = "application/json"}
  for line in io.lines(arguments[1]) do
    local path, body = line:match("^(%S+) (.*)$")
    known[line] = known[line] or wrk.format("POST", path, headers, body)
    requests[#requests + 1] = known[line]
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end
