-- The health of a BillingSession. Argo CD's own check would call it healthy as soon as it
-- exists.
local status = obj.status or {}

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready, stalled, failing = conditions.Ready, conditions.Stalled, conditions.RenewalFailing

if ready == nil or status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "The operator has not looked at it yet"}
end

-- A person must act.
if stalled ~= nil then
  return {status = "Degraded", message = stalled.message}
end

-- Somebody wished it so. Argo CD's own health Suspended would hold up the rest of a sync for
-- good, and with it the commit that resumes the session.
if obj.spec.suspend then
  if ready.status == "True" then
    return {status = "Healthy", message = "Suspended. " .. ready.message}
  end
  return {status = "Healthy", message = "Suspended. No URL for what is declared is alive"}
end

if ready.status == "True" then
  if failing ~= nil then
    return {status = "Healthy", message = ready.message .. ", but renewing it fails: " .. failing.message}
  end
  return {status = "Healthy", message = ready.message}
end

-- It worked before, so this is worse than not having begun, although it is being retried.
if ready.reason == "Expired" then
  return {status = "Degraded", message = ready.message}
end
return {status = "Progressing", message = ready.message}
