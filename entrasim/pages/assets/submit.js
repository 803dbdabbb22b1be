// Sends the answer form on; without script its button does.
"use strict";
document.getElementById("answer").submit();
