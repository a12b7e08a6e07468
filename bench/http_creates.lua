-- For wrk, by http_creates.py: creates of fresh names, values of 64 bytes. TARGET: once or etcd.
local run, target = os.getenv("RUN"), os.getenv("TARGET")
local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    for k = 0, 3 do
      local six = math.floor(n / 64 ^ (3 - k)) % 64
      local pad = (k == 2 and not b) or (k == 3 and not c)
      out[#out + 1] = pad and "=" or digits:sub(six + 1, six + 1)
    end
  end
  return table.concat(out)
end

local count, value = 0, string.rep("v", 64)
local value64 = base64(value)

function request()
  count = count + 1
  local name = "h-" .. run .. "-" .. count
  if target == "once" then
    return wrk.format("PUT", "/v1/names/" .. name, {["If-None-Match"] = "*"}, value)
  end
  local key = base64(name)
  return wrk.format("POST", "/v3/kv/txn", {["Content-Type"] = "application/json"},
    '{"compare":[{"target":"CREATE","key":"' .. key .. '","createRevision":"0"}],' ..
    '"success":[{"requestPut":{"key":"' .. key .. '","value":"' .. value64 .. '"}}]}')
end

function response(status, _, body)
  local made = target == "once" and status == 201 or body:find('"succeeded":true', 1, true)
  if not made then print("not made: " .. status .. " " .. body) end
end
