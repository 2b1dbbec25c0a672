// Shared by all surfaces: noise, soft shadow of the key light, filmic tone curve (Narkowicz' ACES fit).
uniform vec3 sun;
uniform vec3 eye;
uniform mat4 light;
uniform sampler2DShadow shadow;

float hash(vec2 p) { return fract(sin(dot(p, vec2(127.1, 311.7))) * 43758.5453); }

float noise(vec2 p) {
    vec2 i = floor(p), f = fract(p);
    f = f * f * (3. - 2. * f);
    return mix(mix(hash(i), hash(i + vec2(1, 0)), f.x), mix(hash(i + vec2(0, 1)), hash(i + vec2(1, 1)), f.x), f.y);
}

float lit(vec3 place, vec3 normal) {
    vec4 q = light * vec4(place + normal * .012, 1);
    vec3 s = q.xyz / q.w * .5 + .5;
    float sum = 0.;
    for (int i = -1; i <= 1; i++)
        for (int j = -1; j <= 1; j++)
            sum += texture(shadow, vec3(s.xy + vec2(i, j) * 1.7 / 1536., s.z - .0014));
    return sum / 9.;
}

vec3 tone(vec3 c) {
    c *= .62;
    c = (c * (2.51 * c + .03)) / (c * (2.43 * c + .59) + .14);
    return pow(clamp(c, 0., 1.), vec3(1. / 2.2));
}
