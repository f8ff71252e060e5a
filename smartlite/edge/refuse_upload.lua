-- Answers an upload over the limit with the error file given as argument, at once, then reads what the client still
-- sends and throws it away. A plain refusal closes the connection under a client that is still sending, and most
-- clients then report a reset and never read the answer. Must not keep what it reads.

local DISCARDED_BYTES = 64 * 1024 * 1024

local path = ...
local file = assert(io.open(path, "rb"))
local body = file:read("a"):match("\r\n\r\n(.*)$")
file:close()

core.register_service("refuse_upload", "http", function(applet)
    applet:set_status(413, "Payload Too Large")
    applet:add_header("content-type", "application/json")
    applet:add_header("cache-control", "no-store")
    applet:add_header("content-length", #body)
    applet:add_header("connection", "close")
    applet:start_response()
    applet:send(body)
    local left = DISCARDED_BYTES
    while left > 0 do
        local data = applet:receive(16384)
        if not data or #data == 0 then
            return
        end
        left = left - #data
    end
end)
