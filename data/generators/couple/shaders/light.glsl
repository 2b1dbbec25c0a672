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

float lit(vec3 position, vec3 normal) {
    vec4 q = light * vec4(position + normal * .012, 1);
    vec3 s = q.xyz / q.w * .5 + .5;
    float sum = 0.;
    for (int i = -1; i <= 1; i++)
        for (int j = -1; j <= 1; j++)
            sum += texture(shadow, vec3(s.xy + vec2(i, j) * 1.7 / 1536., s.z - .0014));
    return sum / 9.;
}

// As lit(), for the floor: the shadow is more blurred farther from the object that casts it.
float soft(vec3 position) {
    vec4 q = light * vec4(position + vec3(0, .012, 0), 1);
    vec3 s = q.xyz / q.w * .5 + .5;
    float turn = hash(floor(position.xz * 700.)) * 6.2832, near = 0., far = 0.;
    for (int i = 0; i < 5; i++) {
        vec2 offset = vec2(cos(turn + float(i) * 1.2566), sin(turn + float(i) * 1.2566));
        far += texture(shadow, vec3(s.xy + offset * 15. / 1536., s.z - .0016));
    }
    if (far > 4.99) return 1.; // most of the floor
    float high = 0.;
    for (int i = 0; i < 10; i++) {
        float angle = turn + float(i) * 2.39996, radius = sqrt((float(i) + .5) / 10.);
        vec2 offset = vec2(cos(angle), sin(angle)) * radius;
        near += texture(shadow, vec3(s.xy + offset * 4. / 1536., s.z - .0016));
        high += texture(shadow, vec3(s.xy + offset * 16. / 1536., s.z - .10));
    }
    near /= 10.;
    return mix(near, min(near, high / 10.) * .5 + .5 * max(near, high / 10.), .6);
}

vec3 tone(vec3 c) {
    c *= .62;
    c = (c * (2.51 * c + .03)) / (c * (2.43 * c + .59) + .14);
    return pow(clamp(c, 0., 1.), vec3(1. / 2.2));
}
